"""A run's folder, debugged: what `qat-kit debug` does."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qat_kit.debug import LayerComparison, compare_layers
from qat_kit.errors import DataError
from qat_kit.litert.model_file import read_model
from qat_kit.manifest import Manifest
from qat_kit.measure.samples import read_samples
from qat_kit.progress import Progress
from qat_kit.vocabulary import KernelSet

# What is tried runs every layer many times over.
_MOST_TRIED = 64


def debug_run(
    run: Path, data: Path, *, kernel_set: KernelSet, tries: bool = False, progress: Progress | None = None
) -> LayerComparison:
    """Compares the files of a run layer by layer; tries remedies on its trained model where that is asked for.

    data: an `.npz` as `read_samples` takes it. Raises DataError where it, or the run, lacks what is needed.
    """
    manifest = run / "manifest.json"
    # Two files without a run around them are compared as well.
    name = Manifest.load(manifest).files[0].name if manifest.is_file() else "model.tflite"
    float_file, int8_file = run / "model.float32.tflite", run / name
    signatures = read_model(float_file).signatures
    samples, _ = read_samples(data, list(signatures[0].inputs) if signatures else ["inputs"])
    comparison = compare_layers(float_file, int8_file, samples, kernel_set=kernel_set)
    if not tries:
        return comparison
    from qat_kit.debug.trying import try_remedies
    from qat_kit.keras_models import load_model

    model = load_model(run / "qat.keras")
    missing = next((name for name in model.input_names if name not in samples), None)
    if missing is not None:
        raise DataError(f"{run / 'qat.keras'} has an input {missing!r}, and the file has {', '.join(samples)}")
    arrays = [np.asarray(samples[name], np.float32) for name in model.input_names]
    half = min(_MOST_TRIED, len(arrays[0]) // 2)
    if not half:
        raise DataError(f"{data} has one sample; to try remedies two are needed: ranges are not measured on both")
    trials = try_remedies(
        model,
        [[array[:half] for array in arrays]],
        calibration=[[array[half : 2 * half] for array in arrays]],
        progress=progress,
    )
    return comparison.model_copy(update={"trials": trials})
