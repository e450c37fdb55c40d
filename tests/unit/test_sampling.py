"""Which samples set the ranges and which judge the file."""

from __future__ import annotations

import numpy as np
import pytest
from tf_keras import layers

from qat_kit.datasets import Split
from qat_kit.datasets.sources import SampleSource
from qat_kit.manifest import Preprocessing
from qat_kit.sampling import MOST_JUDGED, layer_extremes, take_samples
from tests.support import models
from tests.support.models import chain, model_of


def source(size: int) -> SampleSource:
    """Sample i is i, of class i % 7."""
    split = Split(inputs=(np.arange(size, dtype=np.float32).reshape(size, 1),))
    return SampleSource(
        name="x.npz", size=size, preprocessing=Preprocessing(), labels=np.arange(size) % 7, read=split.take
    )


@pytest.mark.parametrize(("size", "count"), [(2000, 100), (600, 100), (100, 100), (20, 5)])
def test_what_judges_is_what_did_not_set_the_ranges_where_there_is_enough(size: int, count: int) -> None:
    model = model_of(layers.Dense(1), (1,))
    found = take_samples(source(size), model, count=count, selection="first")
    assert found.indices == tuple(range(count))
    np.testing.assert_array_equal(found.calibration.inputs[0][:, 0], np.arange(count))
    places = found.judging.inputs[0][:, 0].astype(int)
    assert len(places) == len(set(places)) == min(size, MOST_JUDGED)
    np.testing.assert_array_equal(found.judging.labels, places % 7)
    others = places[places >= count]
    assert len(others) == min(size - count, MOST_JUDGED)
    # From one end to the other: folders are sorted by class.
    if len(others):
        assert (others.min(), others.max()) == (count, size - 1)


def test_the_extremes_of_each_layer() -> None:
    model = model_of(chain(layers.ReLU(), layers.ReLU(6.0)))
    (inputs,) = models.samples(model, 5)
    extremes = layer_extremes(model, Split(inputs=(10 * inputs,)))
    flat = 10 * inputs.reshape(5, -1)
    np.testing.assert_array_equal(extremes[:, 0], flat.min(axis=1))
    np.testing.assert_array_equal(extremes[:, 3], np.maximum(flat, 0).max(axis=1))
    np.testing.assert_array_equal(extremes[:, 5], np.clip(flat, 0, 6).max(axis=1))
