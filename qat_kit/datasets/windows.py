"""Windows of signals, split by person: nobody is in two parts.

There is no download: the owners' archives take a program of their own to read. Put NAME.npz into $QAT_KIT_DATA.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.datasets.splits import Dataset, Split, stratified_indices
from qat_kit.datasets.store import Arrays, PublicDataset, no_download
from qat_kit.manifest import Preprocessing

# The split is part of the dataset: changing it makes figures incomparable.
_SPLIT_SEED = 2024
_CALIBRATION = 512
_ACTIVITY_VALIDATION = (15, 16, 17)
_HEARTBEAT_VALIDATION = (118, 124, 215)
# Of MIT-BIH's recorders, in steps a millivolt.
_STEPS_PER_MV = 200.0


def load_activity() -> Dataset:
    """A phone's motion, [windows, 100, 6]: accelerometer in m/s² and gyroscope in rad/s, one second at 100 Hz.

    Five activities; subjects 18 to 23 are the test, 15 to 17 validate, and the rest trains. Each channel is brought to
    mean 0 and standard deviation 1 on the training subjects.
    Source: M. Matey-Sanz, S. Casteleyn and C. Granell, smartphone and smartwatch HAR dataset, GeoTecINIT, CC BY 4.0.
    """
    arrays = _public("activity", (100, 6), "GeoTecINIT's smartphone-smartwatch HAR dataset", "CC BY 4.0")
    people = arrays["subject_train"]
    known = arrays["x_train"][~np.isin(people, _ACTIVITY_VALIDATION)].astype(np.float64)
    mean, std = known.mean(axis=(0, 1)), known.std(axis=(0, 1))
    return _by_person(
        arrays, people, _ACTIVITY_VALIDATION, Preprocessing(mean=tuple(mean.tolist()), std=tuple(std.tolist()))
    )


def load_heartbeat() -> Dataset:
    """Heart beats in an electrocardiogram, [beats, 128, 1] in mV round the beat, of five classes: N, S, V, F, Q.

    The classes are AAMI's, the test patients those of de Chazal's second set, so that no patient is in both; Q has
    hardly a beat. Source: G. Moody and R. Mark, MIT-BIH Arrhythmia Database, PhysioNet, ODC-By 1.0; P. de Chazal,
    M. O'Dwyer and R. Reilly, IEEE Transactions on Biomedical Engineering 51(7), 2004.
    """
    arrays = dict(_public("heartbeat", (128,), "physionet.org/content/mitdb", "ODC-By 1.0"))
    for name in ("x_train", "x_test"):
        arrays[name] = arrays[name][..., np.newaxis]
    return _by_person(arrays, arrays["record_train"], _HEARTBEAT_VALIDATION, Preprocessing(std=(_STEPS_PER_MV,)))


def _public(name: str, shape: tuple[int, ...], origin: str, licence: str) -> Arrays:
    shapes = {"x_train": shape, "x_test": shape}
    return PublicDataset(
        name=name, origin=origin, licence=licence, shapes=shapes, download=lambda: no_download(origin)
    ).load()


def _by_person(
    arrays: Arrays, people: NDArray[Any], validation: tuple[int, ...], preprocessing: Preprocessing
) -> Dataset:
    def samples(purpose: str) -> Split:
        mean, std = (np.asarray(values, np.float32) for values in (preprocessing.mean, preprocessing.std))
        values = (arrays[f"x_{purpose}"].astype(np.float32) - mean) / std
        return Split(inputs=(values,), labels=arrays[f"y_{purpose}"].astype(np.int64))

    known = samples("train")
    kept = np.isin(people, validation)
    train, aside = np.flatnonzero(~kept), np.flatnonzero(kept)
    (looked_at,) = stratified_indices(np.asarray(known.labels)[train], [_CALIBRATION], seed=_SPLIT_SEED)
    return Dataset(
        train=known.take(train),
        calibration=known.take(train[looked_at]),
        validation=known.take(aside),
        test=samples("test"),
        calibration_indices=tuple(int(index) for index in train[looked_at]),
        class_names=tuple(str(name).replace("_", " ").lower() for name in arrays["class_names"]),
        preprocessing=preprocessing,
    )
