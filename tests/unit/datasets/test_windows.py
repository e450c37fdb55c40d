"""Windows of signals: nobody is in two parts, and the scales are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qat_kit.datasets import load_activity, load_heartbeat
from qat_kit.errors import DataError


def test_activity_is_split_by_person_and_scaled_as_it_says(public_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QAT_KIT_DATA", str(public_data))
    dataset = load_activity()
    with np.load(public_data / "activity.npz") as archive:
        raw, people = archive["x_train"].astype(np.float32), archive["subject_train"]
    assert len(dataset.train) + len(dataset.validation) == len(raw)
    assert len(dataset.validation) == np.isin(people, (15, 16, 17)).sum()
    assert len(dataset.test) == 1127
    np.testing.assert_allclose(dataset.train.inputs[0].mean(axis=(0, 1)), 0, atol=1e-3)
    np.testing.assert_allclose(dataset.train.inputs[0].std(axis=(0, 1)), 1, atol=1e-3)
    stated = dataset.preprocessing
    back = dataset.calibration.inputs[0][0] * np.array(stated.std) + np.array(stated.mean)
    np.testing.assert_allclose(back, raw[~np.isin(people, (15, 16, 17))][dataset.calibration_indices[0]], atol=1e-3)
    assert dataset.class_names == ("seated", "standing up", "walking", "turning", "sitting down")


def test_heart_beats_are_in_millivolts(public_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QAT_KIT_DATA", str(public_data))
    dataset = load_heartbeat()
    assert dataset.test.inputs[0].shape == (20199, 128, 1)
    assert np.bincount(np.asarray(dataset.test.labels)).tolist() == [14747, 1837, 3220, 388, 7]
    # What the recorders hold is 10 bits at 200 steps a millivolt.
    assert 4 < np.abs(dataset.train.inputs[0]).max() <= 5.12
    assert dataset.preprocessing.std == (200.0,)


def test_without_the_file_it_says_whose_it_is_and_what_it_must_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QAT_KIT_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"mitdb comes in a form .*heartbeat\.npz with the arrays x_train, x_test"):
        load_heartbeat()
