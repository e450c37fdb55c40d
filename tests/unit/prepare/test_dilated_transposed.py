"""A dilated transposed convolution is a dilated convolution of the turned kernel."""

from __future__ import annotations

from typing import Any

import pytest
from tf_keras import layers

from qat_kit.prepare.dilated_transposed import turn_dilated_kernels
from tests.support.models import model_of
from tests.support.rewrites import kinds, rewritten

L = layers


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("size", "dilation"), [(3, 2), ((2, 3), 2), ((4, 2), 3)])
def test_it_computes_the_same(padding: str, size: Any, dilation: int) -> None:
    layer = L.Conv2DTranspose(3, size, padding=padding, dilation_rate=dilation)
    graph = rewritten(model_of(layer, (7, 6, 2)), turn_dilated_kernels)
    assert kinds(graph) == ["InputLayer", "ZeroPadding2D", "Conv2D"]
