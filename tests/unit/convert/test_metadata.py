"""What a file says of itself to apps: its input's normalization, its labels, its units and its certificate."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from qat_kit.convert import write_metadata
from qat_kit.convert.metadata import certificate_sha256
from qat_kit.errors import DataError
from qat_kit.litert.description import Description, description_of
from qat_kit.litert.model_file import read_model
from qat_kit.manifest import LogMel, Preprocessing, Words
from qat_kit.verify import verify
from tests.support.tflite import Builder, int8_network

NAMES = ("round", "straight", "crooked")


def described(path: Path, content: bytes, **options: object) -> Description:
    path.write_bytes(content)
    write_metadata(path, verify(path), name="digits", scores="probabilities", **options)  # type: ignore[arg-type]  # options of several types
    told = description_of(read_model(path))
    assert told is not None
    return told


def of_shape(*shape: int) -> bytes:
    graph = Builder()
    x, y = (graph.tensor(name, shape, "INT8", scale=[1.0], zero_point=[0]) for name in "xy")
    graph.op("RELU", [x], [y])
    return graph.bytes([x], [y])


def test_labels_units_and_the_certificate_are_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    told = described(path, int8_network(), class_names=NAMES, description="Tells digits apart.")
    before = verify(int8_network())
    after = verify(path)
    # The hash is of what is proven: the same for the file that holds it.
    assert after.sha256 != before.sha256
    assert certificate_sha256(told) == before.content_sha256 == after.content_sha256
    assert told.description.startswith("Tells digits apart.\n")
    (output,) = told.outputs
    assert (output.name, output.minimum, output.maximum) == ("softmax", (0.0,), (1.0,))
    assert "probabilities" in output.description
    with zipfile.ZipFile(path) as archive:
        assert archive.read(output.files[0].name).decode().splitlines() == list(NAMES)
    again = path.read_bytes()
    write_metadata(
        path, after, name="digits", scores="probabilities", class_names=NAMES, description="Tells digits apart."
    )
    assert path.read_bytes() == again


def test_labels_that_do_not_fit_the_output_stay_out(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    told = described(path, int8_network(), class_names=NAMES[:2])
    assert told.outputs[0].files == ()
    assert not zipfile.is_zipfile(path)
    with pytest.raises(DataError, match=r"a class name must be one line of text, received 'a\\nb'"):
        described(path, int8_network(), class_names=("a\nb", "c", "d"))


@pytest.mark.parametrize(
    ("shape", "preprocessing", "content", "color_space", "mean", "std"),
    [
        ((1, 8, 8, 3), Preprocessing(kind="image", mean=(127.5,), std=(1.0, 2.0, 3.0)), "image", "rgb", 3, (1, 2, 3)),
        ((1, 8, 8, 1), Preprocessing(kind="image", std=(255.0,)), "image", "grayscale", 1, (255,)),
        ((1, 16000), Preprocessing(kind="audio", sample_rate=16000), "audio", None, 1, (1,)),
        ((1, 8, 8, 3), Preprocessing(), "feature", None, 0, ()),
        ((1, 3), Preprocessing(mean=(1.0, 2.0, 3.0), std=(4.0, 5.0, 6.0)), "feature", None, 3, (4, 5, 6)),
    ],
)
def test_an_app_learns_how_to_feed_the_file(
    shape: tuple[int, ...],
    preprocessing: Preprocessing,
    content: str,
    color_space: str | None,
    mean: int,
    std: tuple[float, ...],
    tmp_path: Path,
) -> None:
    (told,) = described(tmp_path / "model.tflite", of_shape(*shape), preprocessing=preprocessing).inputs
    assert (told.content, told.color_space, len(told.mean), told.std) == (content, color_space, mean, std)
    if content == "audio":
        assert (told.sample_rate, told.channels) == (16000, 1)


def test_words_and_front_ends_go_with_the_file(tmp_path: Path) -> None:
    words = Preprocessing(words=Words(pattern="[a-z]+", vocabulary=("my", "card")))
    (told,) = described(tmp_path / "model.tflite", of_shape(1, 8), preprocessing=words).inputs
    assert [(file.name, file.kind) for file in told.files] == [("vocabulary.txt", "vocabulary")]
    with zipfile.ZipFile(tmp_path / "model.tflite") as archive:
        # Line 2, counted from 0, is the first word: its number is 2.
        assert archive.read("vocabulary.txt").decode().splitlines() == ["[PAD]", "[UNK]", "my", "card"]
    heard = Preprocessing(log_mel=LogMel(sample_rate=8000, num_samples=4000, num_bands=16))
    (told,) = described(tmp_path / "model.tflite", of_shape(1, 24, 16, 1), preprocessing=heard).inputs
    assert "sample_rate 8000, num_samples 4000, window_s 0.032, hop_s 0.02, num_bands 16" in told.description
