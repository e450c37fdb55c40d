"""Representative samples from files: what is read is what the file holds, and what is chosen is said."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from qat_kit.datasets.selection import choose_indices, greedy_coverage
from qat_kit.datasets.sources import open_source, read_wav
from qat_kit.errors import DataError
from qat_kit.manifest import Preprocessing

IMAGE = {"image": (4, 4, 3)}


def _everything(source):
    return source.read(np.arange(source.size))


# --------------------------------------------------------------------------------------------------------- archives


def test_an_archive_is_taken_by_the_names_of_the_inputs_in_their_order(tmp_path: Path) -> None:
    left, right = np.full((5, 2), 1.0), np.full((5, 3), 2.0)
    np.savez(tmp_path / "data.npz", right=right, left=left, labels=[0, 0, 1, 1, 1])
    source = open_source(tmp_path / "data.npz", {"left": (2,), "right": (3,)})
    split = source.read(np.array([0, 4]))
    assert [array.shape for array in split.inputs] == [(2, 2), (2, 3)]
    assert source.labels.tolist() == [0, 0, 1, 1, 1]
    with pytest.raises(DataError, match=r"has inputs \['left', 'right'\], and the model's are \['left', 'other'\]"):
        open_source(tmp_path / "data.npz", {"left": (2,), "other": (3,)})
    with pytest.raises(DataError, match=r"input 'left' takes samples of shape \[3\], .* has \[2\]"):
        open_source(tmp_path / "data.npz", {"left": (3,), "right": (3,)})


def test_one_array_needs_no_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=np.ones((3, 2)))
    assert len(_everything(open_source(tmp_path / "data.npz", {"anything": (2,)}))) == 3


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_what_is_no_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "data.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"could not read .*data\.npz"):
        open_source(tmp_path / "data.npz", {"x": (2,)})
    with pytest.raises(DataError, match=r"is no folder and no \.npz"):
        open_source(tmp_path / "data.csv", {"x": (2,)})


# ----------------------------------------------------------------------------------------------------------- images


def _png(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tf.io.encode_png(pixels.astype(np.uint8)).numpy())


def test_images_are_read_in_order_and_normalized_a_channel_at_a_time(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3))
    _png(tmp_path / "cats" / "b.png", pixels[0])
    _png(tmp_path / "dogs" / "a.PNG", pixels[1])
    stated = Preprocessing(mean=(1.0, 2.0, 3.0), std=(10.0, 20.0, 30.0))
    source = open_source(tmp_path, IMAGE, preprocessing=stated)
    expected = ((pixels - [1.0, 2.0, 3.0]) / [10.0, 20.0, 30.0]).astype(np.float32)
    np.testing.assert_allclose(_everything(source).inputs[0], expected, rtol=1e-6)
    assert source.labels.tolist() == [0, 1]
    assert (source.preprocessing.kind, source.preprocessing.color_space) == ("image", "rgb")
    assert source.preprocessing.mean == stated.mean


def test_cropping_takes_the_middle_and_stretching_takes_all(tmp_path: Path) -> None:
    pixels = np.zeros((4, 8, 3))
    pixels[:, 2:6] = 200
    _png(tmp_path / "wide.png", pixels)
    cropped = _everything(open_source(tmp_path, IMAGE, preprocessing=Preprocessing(resize="crop"))).inputs[0]
    assert cropped.min() == cropped.max() == 200
    stretched = _everything(open_source(tmp_path, IMAGE)).inputs[0]
    assert stretched.min() < 50 < 150 < stretched.max()


def test_images_that_cannot_be_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="neither images nor wav"):
        open_source(tmp_path, IMAGE)
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"could not read the image .*broken\.png"):
        _everything(open_source(tmp_path, IMAGE))
    for shape, words in (((4, 4, 2), "1 or 3"), ((None, 4, 3), "open shape")):
        with pytest.raises(DataError, match=words):
            open_source(tmp_path, {"image": shape})
    with pytest.raises(DataError, match="1 or 3 values, received 2"):
        open_source(tmp_path, IMAGE, preprocessing=Preprocessing(mean=(1.0, 2.0)))
    with pytest.raises(DataError, match="models of one input, and this one has a, b"):
        open_source(tmp_path, {"a": (1,), "b": (1,)})


# ------------------------------------------------------------------------------------------------------------ sound


def _wav(path: Path, codes: bytes, *, width: int, channels: int = 1, rate: int = 8000) -> None:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(width)
        sound.setframerate(rate)
        sound.writeframes(codes)


@pytest.mark.parametrize(
    ("width", "codes"),
    [
        (1, bytes([0, 64, 128, 192])),
        (2, np.array([-(2**15), -(2**14), 0, 2**14], "<i2").tobytes()),
        (3, b"".join(int(code).to_bytes(3, "little", signed=True) for code in (-(2**23), -(2**22), 0, 2**22))),
        (4, np.array([-(2**31), -(2**30), 0, 2**30], "<i4").tobytes()),
    ],
)
def test_every_width_of_sample_has_one_scale(width: int, codes: bytes, tmp_path: Path) -> None:
    _wav(tmp_path / "a.wav", codes, width=width)
    rate, values = read_wav(tmp_path / "a.wav")
    assert rate == 8000
    assert values.tolist() == [-1.0, -0.5, 0.0, 0.5]


def test_sounds_are_cut_padded_and_mixed_to_one_channel(tmp_path: Path) -> None:
    _wav(tmp_path / "a.wav", np.array([2**14, 0, 2**14, -(2**14)], "<i2").tobytes(), width=2, channels=2)
    _wav(tmp_path / "b.wav", np.full(9, 2**14, "<i2").tobytes(), width=2)
    source = open_source(tmp_path, {"sound": (3, 1)}, preprocessing=Preprocessing(sample_rate=8000))
    np.testing.assert_array_equal(_everything(source).inputs[0][..., 0], [[0.25, 0, 0], [0.5, 0.5, 0.5]])
    assert source.preprocessing.kind == "audio"
    with pytest.raises(DataError, match=r"a\.wav is sampled at 8000 Hz, expected 16000"):
        _everything(open_source(tmp_path, {"sound": (3,)}, preprocessing=Preprocessing(sample_rate=16000)))
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"could not read the wav file .*a\.wav"):
        _everything(open_source(tmp_path, {"sound": (3,)}))


# --------------------------------------------------------------------------------------------------------- choosing


def test_each_way_of_choosing(tmp_path: Path) -> None:
    labels = np.repeat([0, 1], [80, 20])
    assert choose_indices(100, 3, how="first").tolist() == [0, 1, 2]
    assert len(choose_indices(100, 3, how="all")) == 100
    drawn = [choose_indices(100, 10, how="random", seed=seed).tolist() for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert np.bincount(labels[choose_indices(100, 10, how="stratified", labels=labels)]).tolist() == [8, 2]
    for how, words in (("first", "asked for 101 .* there are 100"), ("stratified", "asked for 101")):
        with pytest.raises(DataError, match=words):
            choose_indices(100, 101, how=how, labels=labels)
    with pytest.raises(DataError, match="needs labels"):
        choose_indices(100, 5, how="stratified")


def test_coverage_reaches_the_ends_of_every_feature_first() -> None:
    features = np.random.default_rng(0).uniform(-0.1, 0.1, (50, 3)).astype(np.float32)
    features[7, 0], features[21, 1], features[40, 2] = 9.0, -9.0, 9.0
    assert {7, 21, 40} <= set(greedy_coverage(features, 6).tolist())
    assert len(set(greedy_coverage(np.zeros((5, 2), np.float32), 4).tolist())) == 4
