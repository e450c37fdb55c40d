"""Resizing by areas is a pool; what has no integer kernel is refused by name."""

from __future__ import annotations

import pytest
from tf_keras import layers

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare.reading import read_graph
from qat_kit.prepare.resizing import resize_by_pooling
from tests.support.models import model_of
from tests.support.rewrites import kinds, rewritten

L = layers


def test_whole_areas_are_averaged() -> None:
    graph = rewritten(model_of(L.Resizing(4, 2, interpolation="area")), resize_by_pooling)
    assert kinds(graph) == ["InputLayer", "AveragePooling2D"]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (lambda: L.Resizing(3, 3, interpolation="area"), "divide the image evenly"),
        (lambda: L.Resizing(4, 2, crop_to_aspect_ratio=True), "crop_to_aspect_ratio"),
    ],
)
def test_what_has_no_kernel_is_refused(layer: type[layers.Layer], message: str) -> None:
    with pytest.raises(UnsupportedLayerError, match=message):
        resize_by_pooling(read_graph(model_of(layer())))
