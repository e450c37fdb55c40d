"""What a user may change of a run: `Settings`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

import pydantic

from qat_kit.errors import SettingsError, UnknownNameError
from qat_kit.input_shapes import read_input_shapes
from qat_kit.tuning import Tuning, read_pairs
from qat_kit.vocabulary import BatchNorm, Forward, KernelSet

Count = Annotated[int, pydantic.Field(ge=1)]
Rate = Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, pydantic.Field(ge=0, le=1)]
_Bound = Annotated[float, pydantic.Field(allow_inf_nan=False)]

# What judges a file and does not make it: it may be moved without training again.
_GATES = {"minimum_accuracy", "gates"}


class Settings(Tuning):
    """What a user may change of a run. A recipe subclasses it to change defaults or to add settings of its own.

    epochs, learning_rate: of float training; qat_epochs, qat_learning_rate: of fine-tuning with quantization.
    input_shapes: input name → sizes without the batch ("" for the only input; image=224x224x3 as text), for a model
    that leaves them open. batch_norm: `fold` before fine-tuning, or `train_then_fold`, which lets it move the
    statistics too.
    max_samples: at most so many samples of each split, for a quick look at a recipe, whose figures then say little.
    forward: what fine-tuning computes, `fake` (real numbers on grids) or `integer` (the integers of kernel_set, which
    is the target's unless given). rounding_noise: the share of codes that integer training moves by a step at random.
    no_user_data: golden inputs drawn at random, so that nothing of the data leaves with the model. minimum_accuracy: a
    gate; an int8 file below it makes the run fail, None asks for nothing. gates: the same of any figure of the task
    (`mean_iou:0.8,ssim:0.9`); of errors and losses, the most that passes. Both are of the first output; of several,
    `OUTPUT.FIGURE` names any (`age.mean_absolute_error:4`). The rest is of `Tuning`.
    """

    seed: Annotated[int, pydantic.Field(ge=0, lt=2**32)] = 0
    scheme: str = "w8a8"
    target: str = "litert_xnnpack"
    epochs: Annotated[int, pydantic.Field(ge=0)] = 20
    learning_rate: Rate = 1e-3
    qat_epochs: Annotated[int, pydantic.Field(ge=0)] = 10
    qat_learning_rate: Rate = 2e-4
    input_shapes: Annotated[dict[str, tuple[Count, ...]], pydantic.BeforeValidator(read_input_shapes)] = pydantic.Field(
        default_factory=dict
    )
    batch_norm: BatchNorm = "fold"
    forward: Forward = "fake"
    kernel_set: KernelSet | None = None
    rounding_noise: Fraction = 0.0
    batch_size: Count = 32
    range_estimator: str = "min_max"
    num_threads: Count = 1
    num_latency_runs: Count = 300
    max_samples: Count | None = None
    no_user_data: bool = False
    minimum_accuracy: Fraction | None = None
    gates: Annotated[dict[str, _Bound], pydantic.BeforeValidator(read_pairs)] = pydantic.Field(default_factory=dict)

    def changed(self, changes: Mapping[str, object]) -> Self:
        """The settings with some values replaced; text is read as the setting's type.

        Raises UnknownNameError for a setting that does not exist (with the nearest), SettingsError for a value that
        does not fit.

        >>> Settings().changed({"epochs": "3"}).epochs
        3
        """
        for name in changes:
            if name not in type(self).model_fields:
                raise UnknownNameError("setting", name, type(self).model_fields)
        try:
            return type(self)(**{**self.model_dump(), **changes})
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            raise SettingsError(f"setting {name} = {first['input']!r}: {first['msg']}") from None

    def recorded(self) -> dict[str, Any]:
        """All but the gates, as JSON has it."""
        return self.model_dump(mode="json", exclude=_GATES)
