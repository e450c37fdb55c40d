"""Samples from files: arrays in an .npz, or a folder of images or wav files, prepared as stated."""

from __future__ import annotations

import wave
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.datasets.archive import read_npz
from qat_kit.datasets.splits import Split, as_split
from qat_kit.errors import DataError
from qat_kit.manifest import Preprocessing

IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_LABELS = ("labels", "y")


@dataclass(frozen=True, kw_only=True)
class SampleSource:
    """Samples that are read when they have been chosen.

    labels: an .npz's array `labels` or `y`, or the subfolder of each file; None where there are none. read: indices →
    the samples, prepared.
    """

    name: str
    size: int
    preprocessing: Preprocessing
    labels: NDArray[Any] | None
    read: Callable[[NDArray[np.intp]], Split]


def open_source(
    path: Path, shapes: Mapping[str, Sequence[int | None]], *, preprocessing: Preprocessing | None = None
) -> SampleSource:
    """Opens an .npz or a folder. shapes: the model's inputs in their order, name → shape of a sample.

    preprocessing: mean, std, resize and sample_rate to use; its kind follows from what is there.
    Raises DataError when there is nothing usable.
    """
    stated = preprocessing or Preprocessing()
    if path.is_dir():
        return _open_folder(path, shapes, stated)
    if path.suffix != ".npz":
        raise DataError(f"{path} is no folder and no .npz file; representative data comes as either")
    arrays = read_npz(path)
    labels = next((arrays.pop(name) for name in _LABELS if name in arrays and name not in shapes), None)
    if len(arrays) == len(shapes) == 1:
        arrays = dict(zip(shapes, arrays.values(), strict=True))
    split = as_split(arrays, purpose="representative", needs_labels=False, input_names=tuple(shapes))
    for (name, shape), array in zip(shapes.items(), split.inputs, strict=True):
        if len(shape) != array.ndim - 1 or any(a not in (None, b) for a, b in zip(shape, array.shape[1:], strict=True)):
            raise DataError(f"input {name!r} takes samples of shape {list(shape)}, {path} has {list(array.shape[1:])}")
    if labels is not None and len(labels) != len(split):
        raise DataError(f"{path}: {len(split)} samples and {len(labels)} labels")
    return SampleSource(name=path.name, size=len(split), preprocessing=Preprocessing(), labels=labels, read=split.take)


def _open_folder(path: Path, shapes: Mapping[str, Sequence[int | None]], stated: Preprocessing) -> SampleSource:
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in (*IMAGES, ".wav") and file.is_file())
    sounds = [file.suffix.lower() == ".wav" for file in files]
    if not files or any(sounds) != all(sounds):
        found = "images and wav files" if files else "neither images nor wav files"
        raise DataError(f"{path} holds {found}; it must hold one kind ({', '.join(IMAGES)} or .wav)")
    if len(shapes) != 1:
        raise DataError(
            f"a folder is for models of one input, and this one has {', '.join(shapes)}; give an .npz with an array "
            "for each"
        )
    ((name, shape),) = shapes.items()
    if None in shape:
        raise DataError(f"input {name!r} has the open shape {list(shape)}; files of a folder need a fixed one")
    sizes = tuple(int(size or 0) for size in shape)
    if sounds[0]:
        read_one, used = _sound_reader(name, sizes, stated)
    else:
        read_one, used = _image_reader(name, sizes, stated)
    mean, std = np.asarray(used.mean, np.float32), np.asarray(used.std, np.float32)

    def read(indices: NDArray[np.intp]) -> Split:
        values = np.stack([(read_one(files[index]) - mean) / std for index in indices])
        return as_split(values, purpose="representative", needs_labels=False)

    folders = [file.relative_to(path).parts[0] if file.parent != path else "" for file in files]
    labels = np.unique(folders, return_inverse=True)[1] if len(set(folders)) > 1 else None
    return SampleSource(name=path.name, size=len(files), preprocessing=used, labels=labels, read=read)


Reader = Callable[[Path], NDArray[np.float32]]


def _image_reader(name: str, shape: tuple[int, ...], stated: Preprocessing) -> tuple[Reader, Preprocessing]:
    if len(shape) != 3 or shape[2] not in (1, 3):
        raise DataError(f"input {name!r} takes shape {list(shape)}; images are [height, width, 1 or 3]")
    height, width, channels = shape
    for values in (stated.mean, stated.std):
        if len(values) not in (1, channels):
            raise DataError(f"mean and std must have 1 or {channels} values, received {len(values)}")

    def read(file: Path) -> NDArray[np.float32]:
        import tensorflow as tf

        try:
            image = tf.io.decode_image(file.read_bytes(), channels=channels, expand_animations=False)
        except (tf.errors.InvalidArgumentError, OSError) as error:
            raise DataError(f"could not read the image {file}: {str(error).splitlines()[0]}") from None
        rows, columns = image.shape[:2]
        if stated.resize == "crop":
            scale = min(rows / height, columns / width)
            cut = max(1, round(scale * height)), max(1, round(scale * width))
            image = tf.image.crop_to_bounding_box(image, (rows - cut[0]) // 2, (columns - cut[1]) // 2, *cut)
        resized: NDArray[np.float32] = tf.image.resize(image, (height, width), antialias=True).numpy()
        return resized

    color_space = "rgb" if channels == 3 else "grayscale"
    return read, stated.model_copy(update={"kind": "image", "color_space": color_space})


def _sound_reader(name: str, shape: tuple[int, ...], stated: Preprocessing) -> tuple[Reader, Preprocessing]:
    if len(shape) != 1 and (len(shape) != 2 or shape[1] != 1):
        raise DataError(f"input {name!r} takes shape {list(shape)}; wav files are [samples] or [samples, 1]")

    def read(file: Path) -> NDArray[np.float32]:
        rate, values = read_wav(file)
        if stated.sample_rate not in (None, rate):
            raise DataError(f"{file} is sampled at {rate} Hz, expected {stated.sample_rate}; resample it")
        fitted = np.zeros(shape[0], np.float32)
        fitted[: len(values)] = values[: shape[0]]
        return fitted.reshape(shape)

    return read, stated.model_copy(update={"kind": "audio"})


def read_wav(file: Path) -> tuple[int, NDArray[np.float32]]:
    """(samples a second, samples from −1 to 1) of a wav file of 8, 16, 24 or 32-bit PCM; channels are averaged.

    Raises DataError for any other file.
    """
    try:
        with wave.open(str(file), "rb") as sound:
            width, channels, rate = sound.getsampwidth(), sound.getnchannels(), sound.getframerate()
            data = np.frombuffer(sound.readframes(sound.getnframes()), np.uint8)
    except (wave.Error, EOFError, OSError) as error:
        raise DataError(f"could not read the wav file {file}: {error}") from None
    if width == 1:
        codes = (data.astype(np.int32) - 128) << 24
    else:
        # Each sample at the top of 32 bits: the sign is in place, and all widths have one scale.
        wide = np.zeros((len(data) // width, 4), np.uint8)
        wide[:, 4 - width :] = data[: len(wide) * width].reshape(-1, width)
        codes = wide.reshape(-1).view("<i4")
    frames = codes[: len(codes) // channels * channels].reshape(-1, channels)
    return rate, (frames.astype(np.float64).mean(axis=1) / 2.0**31).astype(np.float32)
