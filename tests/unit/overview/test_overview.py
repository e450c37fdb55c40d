"""A run's facts come together, and page, Markdown and JSON tell the same; text of a run cannot become markup."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from qat_kit.convert import golden_vectors
from qat_kit.errors import DataError
from qat_kit.manifest import FileEntry, Manifest, TensorInterface
from qat_kit.measure import evaluate
from qat_kit.measure.file import measure_files
from qat_kit.measure.flips import save_flips
from qat_kit.overview import Overview, as_html, as_markdown, gather
from qat_kit.overview.words import verdict_lines
from qat_kit.results import Agreement, DeviceMeasurement, Measurement, TrainingHistory
from qat_kit.verify import verify
from tests.support.tflite import int8_network

RANDOM = np.random.default_rng(0)
PICTURES, LABELS = RANDOM.random((60, 4, 4, 2), dtype=np.float32), np.arange(60) % 3
NASTY = "<script>alert(1)</script>|`x`"


def make_run(folder: Path, name: str) -> Path:
    """A run's folder, of two int8 networks of which one stands for the float file."""
    folder.mkdir()
    files = folder / "model.float32.tflite", folder / "model.tflite"
    for seed, path in enumerate(files):
        path.write_bytes(int8_network(seed=seed))
    np.savez(folder / "data.npz", inputs=PICTURES, labels=LABELS)
    measured = measure_files(files, data=folder / "data.npz", scores="probabilities", num_runs=5)
    names = {"model.float32.tflite": "float32_tflite", "model.tflite": "int8_tflite"}
    measured.model_copy(
        update={
            "models": tuple(model.model_copy(update={"name": names[model.name]}) for model in measured.models),
            "comparisons": tuple(
                each.model_copy(update={"baseline": "float", "candidate": "int8_tflite"})
                for each in measured.comparisons
            ),
            "paired": tuple(each.model_copy(update={"candidate": "int8_tflite"}) for each in measured.paired),
        }
    ).save(folder / "measurement.json")
    certificate = verify(files[1])
    certificate.save(folder / "certificate.json")
    Manifest(
        name=name,
        description="colours",
        task="classification",
        scores="probabilities",
        files=(FileEntry(name="model.tflite", kind="int8", sha256=certificate.sha256, size_bytes=1),),
        inputs=(TensorInterface(name="pixels", shape=(1, 4, 4, 2), dtype="int8"),),
        outputs=(),
        class_names=("red", "green & blue", "grey"),
        scheme="w8a8",
        target="litert_xnnpack",
        seed=3,
        determinism="none",
        settings={"epochs": 2, "minimum": None},
        calibration=None,
        golden=golden_vectors(files[1], None, seed=0),
        certificate_sha256="",
        versions={"qat-kit": "0"},
    ).save(folder / "manifest.json")
    epochs = tuple({"loss": 1 / epoch, "validation_loss": 2 / epoch} for epoch in range(1, 4))
    TrainingHistory(stages={"float": epochs, "qat": epochs}).save(folder / "training.json")
    answers = [evaluate(path, PICTURES) for path in files]
    pictures = PICTURES.repeat(3, axis=3)[..., :3]
    assert save_flips(folder / "flips.npz", pictures, LABELS, *answers) > 3
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("overview") / "first", NASTY)


class Page(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_facts_are_those_of_the_folder(run: Path, tmp_path: Path) -> None:
    overview = gather([run])
    (facts,) = overview.runs
    assert (facts.folder, facts.manifest.seed, facts.manifest.golden) == ("first", 3, None)
    assert facts.costs["int8_tflite"].macs == 1920
    assert {each.kernel_set for each in facts.kernel_sets} == {"reference", "builtin", "xnnpack"}
    assert facts.kernel_sets[0].num_differing == 0
    assert facts.flips[0].picture is not None
    assert facts.flips[0].before == facts.flips[0].label != facts.flips[0].after
    assert Overview.load(overview.save(tmp_path / "overview.json")) == overview


def test_the_page_stands_alone_and_reads_aloud(run: Path) -> None:
    text = as_html(gather([run]))
    page = Page(text)
    assert len(text) < 3_000_000
    assert not page.all("script")
    assert not page.all("link")
    assert not re.search(r'(?:src|href)="(?!#|data:image/png)', text)
    assert not re.search(r"url\(|@import", text)
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in page.all("svg"))
    assert all(image["alt"] for image in page.all("img"))
    anchors = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(set(anchors)) == len(anchors)
    assert {link["href"] for link in page.all("a")} == {f"#{anchor}" for anchor in anchors}
    assert {"models", "trade", "paired", "confusion", "flips", "training", "certificate", "reproduce"} <= set(anchors)
    assert page.all("html")[0]["lang"] == "en"
    assert "prefers-color-scheme: dark" in text
    assert any(meta.get("name") == "viewport" for meta in page.all("meta"))


def test_all_forms_tell_the_same_verdict_first(run: Path) -> None:
    overview = gather([run])
    lines = list(verdict_lines(overview.runs[0]))
    assert lines[0].startswith("Fully int8: 5 operators")
    # Both networks have one size.
    assert "1.00 times smaller" in lines[-1]
    spoken = "".join(Page(as_html(overview)).words)
    markdown = as_markdown(overview).replace("\\", "")
    for words in (spoken, markdown):
        assert all(line in words for line in lines)
        assert words.index(lines[0]) < words.index("accuracy")
    # The figures in the tables too.
    int8 = overview.runs[0].measurement["int8_tflite"].quality
    assert int8 is not None
    assert int8.accuracy is not None
    for words in (spoken, markdown):
        assert f"{100 * int8.accuracy:.2f} %" in words


@pytest.mark.parametrize("better", ["int8_tflite", "float32_tflite"])
def test_names_of_points_stand_outside_the_line_of_the_best(run: Path, better: str) -> None:
    """The line runs at the height of the one and then up to the other."""
    overview = gather([run])
    (facts,) = overview.runs
    quality = facts.measurement[better].quality
    assert quality is not None
    figure = quality.figures[quality.headline].model_copy(update={"value": 1.0})
    changed = quality.model_copy(update={"figures": {**quality.figures, quality.headline: figure}})
    measurement = facts.measurement.with_figures(better, quality=changed)
    facts = facts.model_copy(update={"measurement": measurement})
    page = as_html(overview.model_copy(update={"runs": (facts,)}))
    chart = page[page.index("accuracy against size") :].partition("</svg>")[0]
    dots = re.findall(r'cy="([\d.]+)"[^>]*></circle><text[^>]* y="([\d.]+)"', chart)
    (upper, above), (lower, below) = sorted((float(dot), float(name)) for dot, name in dots)
    assert above < upper < lower < below


def test_what_changed_is_counted_in_words(run: Path) -> None:
    overview = gather([run])
    (facts,) = overview.runs
    comparison = next(each for each in facts.measurement.comparisons if each.candidate == "int8_tflite")
    single = comparison.model_copy(update={"lost": 1, "gained": 0, "flipped": 1})
    measurement = facts.measurement.model_copy(update={"comparisons": (single,)})
    changed = facts.model_copy(update={"measurement": measurement, "flips": facts.flips[:1]})
    page = as_html(overview.model_copy(update={"runs": (changed,)}))
    assert "The one sample whose answer int8 changed." in page
    assert "1 answer lost, 0 gained, 1 of 60 changed" in page


def test_several_outputs_have_a_table(run: Path, tmp_path: Path) -> None:
    overview = gather([run])
    (facts,) = overview.runs
    models = tuple(
        model.model_copy(update={"outputs": {"first": model.quality, "other": model.quality}})
        for model in facts.measurement.models
    )
    several = facts.model_copy(update={"measurement": facts.measurement.model_copy(update={"models": models})})
    page = Page(as_html(overview.model_copy(update={"runs": (several,)})))
    assert "outputs" in {attributes.get("id") for _, attributes in page.tags}
    assert {"first", "other"} <= set(page.words)


def test_text_of_a_run_stays_text(run: Path) -> None:
    overview = gather([run])
    assert NASTY in "".join(Page(as_html(overview)).words)
    assert "\\<script\\>" in as_markdown(overview)
    assert "green & blue answered as" in "".join(Page(as_html(overview)).words)


def test_several_runs_side_by_side(run: Path, tmp_path: Path) -> None:
    other = make_run(tmp_path / "second", "other")
    page = Page(as_html(gather([run, other])))
    words = "".join(page.words)
    assert words.index("2 runs side by side") < words.index("Fully int8")
    links = {link["href"] for link in page.all("a")}
    assert {"#run-0", "#run-1", "#run-0-models", "#run-1-models"} <= links
    assert as_markdown(gather([run, other])).count("\n## Certificate\n") == 2


def test_a_run_without_extras_and_a_folder_that_is_none(run: Path, tmp_path: Path) -> None:
    bare = make_run(tmp_path / "bare", "bare")
    for name in ("training.json", "flips.npz", "model.float32.tflite"):
        (bare / name).unlink()
    anchors = {attributes.get("id") for _, attributes in Page(as_html(gather([bare]))).tags}
    assert not {"training", "flips", "layers", "robustness"} & anchors
    (bare / "measurement.json").unlink()
    with pytest.raises(DataError, match=r"no finished run: it has no measurement\.json"):
        gather([run, bare])
    with pytest.raises(DataError, match="there is no run to report"):
        gather([])


def test_weights_are_counted_by_code(run: Path) -> None:
    facts = gather([run]).runs[0]
    first = facts.weights[0]
    assert (sum(first.counts), first.limit, len(first.counts)) == (first.num_weights, 127, 51)
    # Symmetric weights reach an end of their grid in every channel.
    assert 0 < first.at_ends < 1
    page = as_html(gather([run]))
    assert "Weights on their grid" in page
    assert f"histogram of the codes of {first.name}: {first.num_weights:,} weights" in page


def test_devices_stand_side_by_side(run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(run, tmp_path / "run"))
    with_devices = Measurement.load(run / "measurement.json")
    latency = with_devices.models[-1].latency.model_copy(update={"p50_ms": 12.5})
    phone = DeviceMeasurement(
        name=f"Phone {NASTY}",
        kind="android",
        models=(with_devices.models[-1].model_copy(update={"latency": latency}),),
        is_partial=True,
    )
    differing = Agreement(kernel_set="builtin", against="x86_64", num_values=90, num_differing=4, largest=1.0)
    arm = DeviceMeasurement(
        name="arm64 emulated", kind="emulated", agreements=(differing,), instructions={"builtin": 85487}
    )
    with_devices.with_device(phone).with_device(arm).with_device(arm).save(run / "measurement.json")
    overview = gather([run])
    assert [device.name for device in overview.runs[0].measurement.devices] == [phone.name, arm.name]
    for text in (as_html(overview), as_markdown(overview)):
        assert "Devices side by side" in text
        assert "12.5" in text
        assert "85,487" in text
        assert "4 of 90 values differ from x86" in text
        assert "Phone <script>" not in text
