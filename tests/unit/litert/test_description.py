"""TFLite metadata: what others wrote is read, and what is written here is read by others and harms no file."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from qat_kit.errors import ModelFileError
from qat_kit.inspection import as_html, inspect
from qat_kit.litert.describing import described, encode
from qat_kit.litert.description import AssociatedFile, Description, TensorDescription, decode, description_of
from qat_kit.litert.interpreter import KERNEL_SETS, Interpreter
from qat_kit.litert.model_file import read_model
from qat_kit.screen import Screen, show_inspection
from tests.support.tflite import changed, int8_network, shared_file

LABELS = AssociatedFile(name="labels.txt", description="the classes", kind="axis_labels")
EVERYTHING = Description(
    name="digits",
    description="Tells digits apart.\nSays so.",
    version="2",
    author="nobody",
    license="Apache-2.0",
    inputs=(
        TensorDescription(name="image", content="image", color_space="grayscale", mean=(127.5,), std=(64.0,)),
        TensorDescription(
            name="sound", content="audio", sample_rate=16000, channels=1, minimum=(-1.0,), maximum=(1.0,)
        ),
    ),
    outputs=(TensorDescription(name="scores", description="probabilities", content="feature", files=(LABELS,)),),
    files=(AssociatedFile(name="words.txt", kind="vocabulary"),),
    minimum_parser="1.3.0",
)


def test_what_others_wrote_is_read() -> None:
    told = description_of(read_model(shared_file("test_data__mobilenet_v1_0.25_128_quant.tflite")))
    assert told is not None
    assert (told.name, told.minimum_parser) == ("ImageClassifier", "1.0.0")
    (image,), (output,) = told.inputs, told.outputs
    assert (image.name, image.content, image.color_space) == ("image", "image", "rgb")
    assert (image.mean, image.std, image.minimum, image.maximum) == ((127.5,), (127.5,), (0.0,), (255.0,))
    assert (output.name, output.content, output.maximum) == ("probability", "feature", (255.0,))
    assert [(file.name, file.kind) for file in output.files] == [("imagenet_labels.txt", "axis_labels")]
    other = description_of(read_model(shared_file("tflite-support__automl_labeler_model.tflite")))
    assert other is not None
    assert (other.version, other.author) == ("v1", "TensorFlow")
    assert other.license.startswith("Apache License. Version 2.0")


def test_everything_comes_back() -> None:
    assert decode(encode(EVERYTHING)) == EVERYTHING
    assert description_of(read_model(int8_network())) is None


def test_a_described_file_answers_as_before_and_holds_its_files() -> None:
    network = int8_network()
    first = described(network, EVERYTHING, {"labels.txt": b"one\ntwo\nthree\n"})
    assert first == described(network, EVERYTHING, {"labels.txt": b"one\ntwo\nthree\n"})
    inputs = np.random.default_rng(0).integers(-128, 128, (20, 4, 4, 2), dtype=np.int8)
    for kernel_set in KERNEL_SETS:
        expected = Interpreter(network, kernel_set=kernel_set).run(inputs)
        np.testing.assert_array_equal(Interpreter(first, kernel_set=kernel_set).run(inputs), expected)
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert archive.namelist() == ["labels.txt"]
        assert archive.read("labels.txt") == b"one\ntwo\nthree\n"
        assert archive.infolist()[0].compress_type == zipfile.ZIP_STORED
    # Another description takes the place of the first, its archive too.
    second = described(first, Description(name="other"), {})
    assert description_of(read_model(second)) == Description(name="other", minimum_parser="1.0.0")
    assert not zipfile.is_zipfile(io.BytesIO(second))
    assert read_model(second).metadata == read_model(first).metadata


def test_the_data_of_every_buffer_stays_at_a_multiple_of_16_bytes() -> None:
    content = described(int8_network(), EVERYTHING, {})
    model = schema.Model.GetRootAs(content, 0)
    offsets = []
    for index in range(model.BuffersLength()):
        values = model.Buffers(index).DataAsNumpy()
        if isinstance(values, np.ndarray) and values.size:
            offsets.append(values.__array_interface__["data"][0] - np.frombuffer(content, np.uint8).ctypes.data)
    assert len(offsets) > 6
    assert [offset % 16 for offset in offsets] == [0] * len(offsets)


@pytest.mark.parametrize(
    ("description", "version"),
    [
        (Description(outputs=EVERYTHING.outputs), "1.0.0"),
        (Description(files=EVERYTHING.files), "1.0.1"),
        (EVERYTHING, "1.3.0"),
        (Description(files=(AssociatedFile(name="index", kind="scann_index"),)), "1.4.0"),
    ],
)
def test_the_oldest_parser_is_that_of_the_newest_field(description: Description, version: str) -> None:
    told = description_of(read_model(described(int8_network(), description, {})))
    assert told is not None
    assert told.minimum_parser == version


def test_inspect_shows_it_or_says_why_not(capsys: pytest.CaptureFixture[str]) -> None:
    content = described(int8_network(), EVERYTHING, {})
    inspection = inspect(content)
    show_inspection(Screen(width=200), inspection)
    shown = capsys.readouterr().out
    for words in ("Tells digits apart.", "grayscale image, (value − 127.5) / 64", "audio, 16000 Hz", "labels.txt"):
        assert words in shown
        assert words in as_html(inspection, name="digits")
    damaged = changed(content, lambda model: setattr(model.buffers[-1], "data", [0] * 40))
    inspection = inspect(damaged)
    assert inspection.described is None
    show_inspection(Screen(width=200), inspection)
    assert "TFLITE_METADATA must have b'M001' in bytes 4 to 7" in capsys.readouterr().out


def test_damaged_metadata_is_refused_with_words() -> None:
    whole = encode(EVERYTHING)
    for length in range(8, len(whole)):
        with suppress(ModelFileError):  # and nothing else is raised
            decode(whole[:length])
    random = np.random.default_rng(0)
    for _ in range(1000):
        mutated = bytearray(whole)
        place = int(random.integers(8, len(whole) - 4))
        mutated[place : place + 4] = int(random.integers(0, 1 << int(random.integers(1, 33)))).to_bytes(4, "little")
        with suppress(ModelFileError):
            decode(bytes(mutated))
    with pytest.raises(ModelFileError, match=r"TFLITE_METADATA is damaged: .* the file ends at byte 60"):
        decode(whole[:60])
    with pytest.raises(ModelFileError, match="names buffer 99"):
        read_model(changed(described(int8_network(), EVERYTHING, {}), lambda m: setattr(m.metadata[0], "buffer", 99)))
