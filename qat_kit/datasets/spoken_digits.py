"""The Free Spoken Digit Dataset: six speakers, each digit fifty times, at 8 kHz.

Source: Z. Jackson et al., Free Spoken Digit Dataset v1.0.10 (2020), CC BY-SA 4.0. Its authors keep takes 0 to 4 of each
speaker and digit for testing.
"""

from __future__ import annotations

import wave
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.datasets.log_mel import log_mel
from qat_kit.datasets.splits import Dataset, Split, published
from qat_kit.datasets.store import Arrays, PublicDataset
from qat_kit.errors import DataError
from qat_kit.manifest import LogMel, Preprocessing

SAMPLE_RATE = 8000
ORIGIN = "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.tar.gz"
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")

# What an app does to a second of sound, too.
FRONT_END = LogMel(sample_rate=SAMPLE_RATE, num_samples=SAMPLE_RATE)

_NUM_RECORDINGS = {"train": 2700, "test": 300}
_TEST_TAKES = 5
# The split is part of the dataset: changing it makes figures incomparable.
_VALIDATION, _CALIBRATION = 200, 200
_SPLIT_SEED = 2016


def load_spoken_digits() -> Dataset:
    """Log-mel pictures [samples, 49, 32, 1] of one second each: 2,500 to train, 200 to validate, 300 to test.

    Recordings that are shorter end in silence, longer ones are cut. Calibration looks at 200 of those that train.
    """
    shapes = {"x_train": (SAMPLE_RATE,), "x_test": (SAMPLE_RATE,)}
    arrays = PublicDataset(
        name="spoken_digits", origin=ORIGIN, licence="CC BY-SA 4.0", shapes=shapes, download=download
    ).load()
    return published(
        _pictures(arrays["x_train"], arrays["y_train"]),
        _pictures(arrays["x_test"], arrays["y_test"]),
        validation=_VALIDATION,
        calibration=_CALIBRATION,
        seed=_SPLIT_SEED,
        class_names=tuple(str(digit) for digit in range(10)),
        preprocessing=Preprocessing(log_mel=FRONT_END),
    )


def download(origin: str = ORIGIN, cache: Path | None = None) -> Arrays:
    """The recordings of the archive at `origin`, kept in Keras' cache: x_* [recordings, 8000] int16, y_*, speaker_*.

    Raises DataError when it does not hold the 3,000 recordings of version 1.0.10.
    """
    import tf_keras

    archive = Path(tf_keras.utils.get_file("free_spoken_digit_dataset.tar.gz", origin, extract=True, cache_dir=cache))
    found: dict[str, list[Any]] = defaultdict(list)
    for path in sorted(archive.parent.glob("free-spoken-digit-dataset-*/recordings/*.wav")):
        digit, speaker, take = path.stem.split("_")
        purpose = "test" if int(take) < _TEST_TAKES else "train"
        found[f"x_{purpose}"].append(_one_second(path))
        found[f"y_{purpose}"].append(int(digit))
        found[f"speaker_{purpose}"].append(SPEAKERS.index(speaker))
    counts = {purpose: len(found[f"x_{purpose}"]) for purpose in _NUM_RECORDINGS}
    if counts != _NUM_RECORDINGS:
        raise DataError(f"the archive from {origin} must hold {_NUM_RECORDINGS} recordings, it holds {counts}")
    return {name: np.array(values) for name, values in found.items()}


def _one_second(path: Path) -> NDArray[np.int16]:
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(SAMPLE_RATE), "<i2")
    return np.pad(samples, (0, SAMPLE_RATE - len(samples)))


def _pictures(waves: NDArray[Any], labels: NDArray[Any]) -> Split:
    told = FRONT_END.model_dump(exclude={"num_samples"})
    pictures = log_mel(waves.astype(np.float32) / np.float32(1 << 15), **told)
    return Split(inputs=(pictures,), labels=labels.astype(np.int64))
