"""Resizing by areas is a pool; what has no integer kernel is a sum of rows and columns, or refused by name."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tf_keras import layers

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare.reading import read_graph
from qat_kit.prepare.resizing import replace_resizing
from tests.support.models import model_of
from tests.support.rewrites import kinds, rewritten

L = layers


def test_whole_areas_are_averaged() -> None:
    graph = rewritten(model_of(L.Resizing(4, 2, interpolation="area")), replace_resizing)
    assert kinds(graph) == ["InputLayer", "AveragePooling2D"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: L.UpSampling2D((2, 3), interpolation="bicubic"),
        lambda: L.Resizing(5, 9, interpolation="bicubic"),
        lambda: L.Resizing(11, 3, interpolation="lanczos3"),
        lambda: L.Resizing(3, 3, interpolation="area"),
        lambda: L.UpSampling2D(2, interpolation="mitchellcubic"),
    ],
)
def test_other_ways_are_sums_of_rows_and_of_columns(make: Callable[[], layers.Layer]) -> None:
    graph = rewritten(model_of(make()), replace_resizing)
    assert kinds(graph).count("Dense") == 2
    assert not any(node.config["trainable"] for node in graph.nodes.values() if node.kind == "Dense")


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_what_litert_has_stays(interpolation: str) -> None:
    graph = rewritten(model_of(L.UpSampling2D(2, interpolation=interpolation)), replace_resizing)
    assert kinds(graph) == ["InputLayer", "UpSampling2D"]


def test_a_crop_is_refused() -> None:
    with pytest.raises(UnsupportedLayerError, match="crop_to_aspect_ratio"):
        replace_resizing(read_graph(model_of(L.Resizing(4, 2, crop_to_aspect_ratio=True))))
