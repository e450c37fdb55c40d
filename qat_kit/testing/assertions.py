"""Assertions on `.tflite` files; each raises AssertionError with what it found, and returns it where all is well."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qat_kit.convert.artifact import MANIFEST_NAME
from qat_kit.errors import DataError
from qat_kit.litert.interpreter import Interpreter, Limits, runtime_identity
from qat_kit.manifest import GoldenVectors, Manifest, decode_all
from qat_kit.measure.apart import measure_apart
from qat_kit.results import Certificate, Quality
from qat_kit.verification import Evidence, certify
from qat_kit.verify.certificate import DEFAULT_TARGET
from qat_kit.vocabulary import KernelSet, Scores


def assert_fully_int8(file: Path | str, *, scheme: str = "w8a8", target: str = DEFAULT_TARGET) -> Certificate:
    """The file's certificate passes: no float tensor or operator, sound scales and zero points.

    The file is read, not run. `tensors.json` and the manifest beside it are held against it, too. scheme: another that
    the file should have. Raises AssertionError with the findings, ModelFileError for a file that cannot be read.
    """
    certificate = certify(Path(file), Evidence(), scheme=scheme, target=target)
    if not certificate.passed:
        found = [f"  {check.name}: {finding.line}" for check in certificate.checks for finding in check.findings]
        raise AssertionError("\n".join([f"{file} is {certificate.verdict}", *found]))
    return certificate


def assert_parity(
    file: Path | str, *, manifest: Path | str | None = None, max_lsb: int = 0, max_foreign_lsb: int = 1
) -> dict[KernelSet, int]:
    """The file answers the golden inputs of its manifest as it did when it was made, with each kernel set.

    manifest: the one beside the file, without it. max_lsb: steps of the output by which answers may differ;
    max_foreign_lsb: of kernels other than `reference` on another processor or version of LiteRT than they were made
    with, since those compute by what the processor offers. Returns kernel set → the largest difference in steps.

    Raises AssertionError where one differs by more, DataError where the manifest has no golden vectors.
    """
    path = Path(file)
    stated = Path(manifest) if manifest else path.with_name(MANIFEST_NAME)
    golden = Manifest.load(stated).golden
    if golden is None:
        raise DataError(f"{stated} holds no golden vectors: it was written with no_user_data or by hand")
    inputs = decode_all(golden.inputs)
    found: dict[KernelSet, int] = {}
    for kernel_set, outputs in golden.outputs.items():
        with Interpreter(path, kernel_set=kernel_set, limits=Limits()) as interpreter:
            answers = interpreter.run(inputs)
        gaps = (np.abs(answers[name].astype(np.int64) - array) for name, array in decode_all(outputs).items())
        found[kernel_set] = max(int(gap.max()) for gap in gaps)
    allowed = {name: max_lsb if name == "reference" else _allowed(golden, max_lsb, max_foreign_lsb) for name in found}
    wrong = [f"  {name}: {gap} steps, {allowed[name]} allowed" for name, gap in found.items() if gap > allowed[name]]
    if wrong:
        raise AssertionError("\n".join([f"{file} does not give its golden outputs any more:", *wrong]))
    return found


def assert_accuracy(
    file: Path | str,
    data: Path | str,
    *,
    at_least: float,
    figure: str | None = None,
    task: str | None = None,
    scores: Scores = "logits",
    kernel_set: KernelSet = "xnnpack",
) -> Quality:
    """A figure of the file's answers is no worse than a bound: of accuracy no less, of an error no more.

    data: an `.npz` as `qat-kit measure --data` takes it. figure: another than the task's leading one. Runs the file in
    a process of its own. Raises AssertionError, and DataError for data that do not fit or a figure that there is not.
    """
    measurement = measure_apart(
        Path(file), data=Path(data), task=task, scores=scores, kernel_set=kernel_set, num_runs=1
    )
    quality = measurement.models[0].quality
    if quality is None:
        raise DataError(f"{data} holds no labels")
    name = figure or quality.headline
    if name not in quality.figures:
        raise DataError(f"there is no figure {name!r}; those of {quality.task}: {', '.join(quality.figures)}")
    found = quality.figures[name]
    worse = found.value < at_least if found.higher_is_better else found.value > at_least
    if worse:
        interval = "" if found.low is None else f" (95 % interval {found.low:.4f} to {found.high:.4f})"
        bound = "at least" if found.higher_is_better else "at most"
        raise AssertionError(
            f"{file}: {name.replace('_', ' ')} is {found.value:.4f}{interval} on {quality.num_samples} samples, and "
            f"{bound} {at_least:.4f} is wanted"
        )
    return quality


def assert_latency_ratio(
    file: Path | str,
    baseline: Path | str,
    *,
    at_most: float,
    kernel_set: KernelSet = "xnnpack",
    num_threads: int = 1,
    num_runs: int = 300,
) -> float:
    """The file's median time is no more than `at_most` times the baseline's; both run in turns, in their own process.

    A ratio holds on a busy machine, a time does not. Returns it. Raises AssertionError.
    """
    measurement = measure_apart(
        Path(baseline), Path(file), kernel_set=kernel_set, num_threads=num_threads, num_runs=num_runs
    )
    before, after = (model.latency.p50_ms for model in measurement.models)
    if after > at_most * before:
        raise AssertionError(
            f"{file} takes {after / before:.2f} times the time of {baseline} ({after:.4f} and {before:.4f} ms, medians "
            f"of {num_runs} in turns, {kernel_set}×{num_threads}), and at most {at_most:.2f} is wanted"
        )
    return after / before


def _allowed(golden: GoldenVectors, max_lsb: int, max_foreign_lsb: int) -> int:
    made_by = {"litert": golden.litert, "architecture": golden.architecture}
    return max_lsb if made_by == runtime_identity() else max(max_lsb, max_foreign_lsb)
