"""Whether a run's int8 file is good enough for whoever asked."""

from __future__ import annotations

from qat_kit.errors import GateError, UnknownNameError
from qat_kit.recipe import Settings
from qat_kit.results import Figure, Measurement, ModelMeasurement

_REMEDY = "Train longer (epochs, qat_epochs), give the model more capacity, or lower the gate"


def refuse_poor_figures(measurement: Measurement, settings: Settings) -> None:
    """Raises GateError when the int8 file is less accurate than `minimum_accuracy` asks, or a figure past its gate.

    Both are of the first output, or of the recipe's own answers; `OUTPUT.FIGURE` is a figure of any output. Raises
    UnknownNameError for a gate of a figure that there is not.
    """
    model = measurement["int8_tflite"]
    quality, figures = model.quality, _figures(model)
    wanted, accuracy = settings.minimum_accuracy, None if quality is None else quality.accuracy
    if wanted is not None and accuracy is not None and accuracy < wanted:
        raise GateError(f"the int8 file's accuracy is {accuracy:.2%}, below minimum_accuracy = {wanted:.2%}. {_REMEDY}")
    for name, bound in settings.gates.items():
        if name not in figures:
            raise UnknownNameError("figure", name, figures)
        figure = figures[name]
        sign = 1 if figure.higher_is_better else -1
        if not sign * figure.value >= sign * bound:
            where = "below" if figure.higher_is_better else "above"
            raise GateError(f"the int8 file's {name} is {figure.value:.6g}, {where} its gate {bound:g}. {_REMEDY}")


def _figures(model: ModelMeasurement) -> dict[str, Figure]:
    """By the names that gates give them."""
    figures = {} if model.quality is None else dict(model.quality.figures)
    for output, quality in model.outputs.items():
        figures |= {f"{output}.{name}": figure for name, figure in quality.figures.items()}
    return figures
