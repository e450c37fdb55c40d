"""A test file for a user's own repository, from what a run or a bundle holds: `write_tests`."""

from __future__ import annotations

import os
from pathlib import Path

from qat_kit.convert.bundle import EVALUATION, open_artifact
from qat_kit.errors import DataError
from qat_kit.files import write_text
from qat_kit.measure.apart import measure_apart
from qat_kit.results import Figure

_HEAD = '''"""What must stay true of {model}. Written by `qat-kit ci`, yours to change; run by pytest beside qat-kit."""

from pathlib import Path

BUNDLE = Path(__file__).parent / {folder!r}
MODEL = BUNDLE / {model!r}
'''
_INT8 = """

def test_the_file_is_fully_int8(assert_fully_int8):
    certificate = assert_fully_int8(MODEL{options})
    assert certificate.sha256 == {sha256!r}  # the very file that was proven; drop this line to train anew
"""
_GOLDEN = """

def test_it_answers_its_golden_inputs_as_when_it_was_made(assert_parity):
    assert_parity(MODEL)
"""
_FIGURE = """

def test_its_figure_on_the_samples_beside_it(assert_accuracy):
    # {name} was {value:.4f}; the bound is the {end} end of its 95 % interval on these {count} samples.
    assert_accuracy(MODEL, BUNDLE / {data!r}, at_least={bound:.4f}, scores={scores!r}{task})
"""
_LATENCY = """

def test_it_is_not_much_slower_than_it_was_beside_float(assert_latency_ratio):
    # {ratio:.2f} when this was written.
    assert_latency_ratio(MODEL, BUNDLE / {baseline!r}, at_most={bound:.2f})
"""
# By how much a ratio of medians may rise before it is another: what one machine differs from the next.
_ROOM = 1.5


def write_tests(source: Path, out: Path) -> Path:
    """Writes `test_NAME.py` into the folder `out`: certificate, golden vectors, a bound of quality, a ratio of times.

    source: the folder of a run or a bundle, or a manifest, which must stay where it is beside `out`. What it does not
    hold is not tested: golden vectors, `evaluation.npz`, a float file. Measures the file once, so that the bounds are
    known to hold. Raises DataError where there is no file, or nothing that `open_artifact` takes.
    """
    artifact = open_artifact(source)
    manifest, folder = artifact.manifest, artifact.manifest_path.resolve().parent
    model = manifest.files[0]
    if not model.kind.startswith(("int8", "w8a8")):
        raise DataError(f"{model.name} is of kind {model.kind}; tests are written for fully int8 files")
    beside = os.path.relpath(folder, out.resolve())
    parts = [_HEAD.format(model=model.name, folder=Path(beside).as_posix())]
    target = f", target={manifest.target!r}"
    parts.append(_INT8.format(sha256=model.sha256, options=target))
    if manifest.golden is not None:
        parts.append(_GOLDEN)
    data = folder / EVALUATION
    if data.is_file() and len(manifest.outputs) == 1:
        measured = measure_apart(folder / model.name, data=data, task=manifest.task, scores=manifest.scores)
        quality = measured.models[0].quality
        if quality is not None:
            figure = quality.figures[quality.headline]
            parts.append(
                _FIGURE.format(
                    name=quality.headline.replace("_", " "),
                    value=figure.value,
                    end="lower" if figure.higher_is_better else "upper",
                    bound=_bound(figure),
                    count=quality.num_samples,
                    data=EVALUATION,
                    scores=manifest.scores,
                    task="" if quality.task == "classification" else f", task={quality.task!r}",
                )
            )
    floats = next((folder / each.name for each in manifest.files[1:] if each.kind == "float32"), None)
    if floats is not None and floats.is_file():
        before, after = measure_apart(floats, folder / model.name).models
        ratio = after.latency.p50_ms / before.latency.p50_ms
        parts.append(_LATENCY.format(ratio=ratio, baseline=floats.name, bound=_ROOM * ratio))
    name = "".join(letter if letter.isalnum() else "_" for letter in manifest.name)
    return write_text(out / f"test_{name}.py", "".join(parts))


def _bound(figure: Figure) -> float:
    """The end of the interval on the worse side; the figure itself with a tenth of room, where it has no interval."""
    end = figure.low if figure.higher_is_better else figure.high
    if end is not None:
        return end
    return figure.value - 0.1 * abs(figure.value) if figure.higher_is_better else 1.1 * figure.value
