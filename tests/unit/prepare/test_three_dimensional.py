"""Volumes as frames: the same numbers from 2-D layers alone."""

from __future__ import annotations

from typing import Any

import pytest
from tf_keras import layers

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare.reading import read_graph
from qat_kit.prepare.three_dimensional import run_as_frames
from tests.support.models import chain, model_of
from tests.support.rewrites import kinds, rewritten

L = layers

VOLUME = (7, 6, 6, 2)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    ("size", "strides", "dilation"),
    [((3, 3, 3), 1, 1), ((2, 3, 1), 2, 1), ((1, 3, 3), 1, 1), ((1, 2, 2), (2, 1, 1), 1), ((3, 2, 2), 1, 2)],
)
def test_a_convolution_computes_the_same(padding: str, size: Any, strides: Any, dilation: int) -> None:
    layer = L.Conv3D(3, size, strides=strides, padding=padding, dilation_rate=dilation)
    graph = rewritten(model_of(chain(layer, L.ReLU(), L.Conv3D(2, 1)), VOLUME), run_as_frames)
    assert "Conv3D" not in kinds(graph)


@pytest.mark.parametrize(
    "layer",
    [
        lambda: L.MaxPooling3D((2, 3, 2), strides=2, padding="same"),
        lambda: L.AveragePooling3D((2, 1, 2), strides=1, padding="same"),
        lambda: L.UpSampling3D((2, 1, 3)),
    ],
    ids=["max", "average", "up"],
)
def test_a_pool_computes_the_same(layer: Any) -> None:
    rewritten(model_of(layer(), VOLUME), run_as_frames)


def test_groups_over_several_frames_are_refused_by_name() -> None:
    model = model_of(L.Conv3D(4, 3, groups=2, name="grouped"), VOLUME)
    with pytest.raises(UnsupportedLayerError, match=r"'grouped'.*groups"):
        run_as_frames(read_graph(model))
