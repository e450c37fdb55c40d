"""One conversion, from a SavedModel to a flatbuffer, in a process of its own."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from qat_kit.convert.diagnosis import fatal_operator, is_death, said
from qat_kit.convert.job import INTERFACES, POST_TRAINING, Job, Mode
from qat_kit.convert.process import Ending, Limits, run_module
from qat_kit.datasets import Split
from qat_kit.errors import ConversionError, DataError, SettingsError
from qat_kit.litert.packing import PACKED_VERSIONS
from qat_kit.results import TrainedTensors
from qat_kit.targets import Target
from qat_kit.vocabulary import IoType


def convert(
    saved_model: Path,
    output: Path,
    *,
    mode: Mode,
    interface: IoType | None = None,
    representative: Split | None = None,
    input_names: tuple[str, ...] = (),
    trained: TrainedTensors | None = None,
    target: Target | None = None,
    log: Path | None = None,
    limits: Limits | None = None,
) -> Path:
    """Writes `output`, whole or not at all, and returns it.

    mode: `float32`; `float16` (weights alone); `dynamic_range` (int8 weights, float activations quantized anew in each
    inference); `int8_from_qat` and `int16x8_from_qat` (the model carries its quantizers, and takes no representative
    dataset, so that the converter cannot fill a missing one in silence); `int8_post_training` and
    `int16x8_post_training` (calibrated on `representative`, whose arrays belong to `input_names`). interface: the type
    of inputs and outputs; the mode's own where left out (int8, int16 or float32). trained: what training used; the
    file then holds those weights to the bit, also where the converter would scale them otherwise. target: the runtime
    that is to run it; weights of four bits are packed where it has a kernel that reads them so. log: the converter's
    own output is appended to it.

    Raises SettingsError for an interface that the mode cannot have, ConversionError when the converter refuses, crashes
    (both name the operator where it can be found) or exceeds `limits`.
    """
    if (mode in POST_TRAINING) != (representative is not None):
        raise DataError(
            "a model without quantization-aware training is converted with a representative dataset, "
            f"and every other without one; received mode {mode!r} and {'one' if representative else 'none'}"
        )
    interface = interface or INTERFACES[mode][0]
    if interface not in INTERFACES[mode]:
        raise SettingsError(
            f"a file of mode {mode!r} cannot take and give {interface}; expected {' or '.join(INTERFACES[mode])}"
        )
    limits = limits or Limits()
    with tempfile.TemporaryDirectory(prefix="qat_kit_convert_") as name:
        folder = Path(name)
        data = None
        if representative is not None:
            data = folder / "representative.npz"
            arrays: dict[str, Any] = dict(zip(input_names, representative.inputs, strict=True))
            np.savez(data, **arrays)
        job = Job(
            saved_model=saved_model.resolve(),
            output=output.resolve(),
            mode=mode,
            interface=interface,
            representative=data,
            trained=trained.save(folder / "tensors.json").resolve() if trained is not None else None,
            packed_ops=() if target is None else packed_ops(target),
        )
        ending = run_module(
            "qat_kit.convert.worker",
            [str(job.save(folder / "job.json"))],
            limits=limits,
            output=folder / "converter.log",
        )
        if log is not None:
            with log.open("a", encoding="utf-8") as file:
                file.write(ending.output)
        if ending.code != 0:
            raise ConversionError(f"conversion ({mode}) {_reason(ending, job, folder, limits)}")
    return output


def packed_ops(target: Target) -> tuple[str, ...]:
    """The operators whose 4-bit weights, with a scale a channel, the runtime or its fallback reads packed.

    >>> from qat_kit.targets import get_target
    >>> packed_ops(get_target("litert_xnnpack")), packed_ops(get_target("tflite_micro"))
    (('CONV_2D', 'FULLY_CONNECTED'), ('CONV_2D',))
    """
    return tuple(op for op in PACKED_VERSIONS if _reads_packed(target, op))


def _reads_packed(target: Target | None, op: str) -> bool:
    if target is None:
        return False
    support = target.support(op)
    return _reads_packed(target.fallback, op) or any(
        (signature.activations, signature.weights) == ("int8", "int4") and "per_axis" in signature.granularities
        for signature in (support.signatures if support else ())
    )


def _reason(ending: Ending, job: Job, folder: Path, limits: Limits) -> str:
    if ending.over == "time":
        return f"took longer than {limits.time_s:g} s and was stopped; allow it more time"
    if ending.over == "memory":
        return f"took more than {limits.memory_mb} MiB of memory and was stopped; allow it more memory"
    if is_death(ending):
        culprit = fatal_operator(job, folder, limits=limits)
        where = f" at {culprit}" if culprit else ""
        return f"failed{where}: {said(ending.output)} (the converter was killed by signal {-ending.code})"
    return f"failed: {said(ending.output)}"
