"""1-D layers as images of height 1: the same numbers, and reshapes only where a chain begins and ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from tf_keras import layers

from qat_kit.prepare.one_dimensional import run_as_images
from tests.support.models import chain, model_of
from tests.support.rewrites import kinds, rewritten

L = layers

LONG = (12, 4)


def _residual(image: Any) -> Any:
    value = L.Add()([image, L.Conv1D(4, 3, padding="same")(image)])
    value = L.Conv1D(4, 3, padding="same")(value)
    value = L.Concatenate()([value, L.Conv1D(2, 1)(value)])
    return L.GlobalMaxPooling1D()(L.ZeroPadding1D((1, 2))(value))


BUILDS: dict[str, Callable[[], Any]] = {
    "strides": lambda: L.Conv1D(5, 3, strides=2),
    "same, dilated": lambda: L.Conv1D(5, 3, padding="same", dilation_rate=2),
    "causal, dilated": lambda: L.Conv1D(5, 3, padding="causal", dilation_rate=2, use_bias=False),
    "groups": lambda: L.Conv1D(6, 3, groups=2, strides=2),
    "depthwise": lambda: L.DepthwiseConv1D(3, strides=2, depth_multiplier=2),
    "transposed": lambda: L.Conv1DTranspose(5, 3, strides=2, padding="same", output_padding=1),
    "transposed, valid": lambda: L.Conv1DTranspose(5, 3, strides=3),
    "pools": lambda: chain(L.MaxPooling1D(3, strides=1), L.AveragePooling1D(2, padding="same"), L.UpSampling1D(3)),
    "crop, prelu": lambda: chain(L.Conv1D(4, 3), L.PReLU(), L.PReLU(shared_axes=[1]), L.Cropping1D((1, 2))),
    "reshape": lambda: chain(L.Conv1D(4, 3), L.Reshape((5, 8))),
    "joined in time": lambda: lambda x: L.Concatenate(axis=1)([L.Conv1D(4, 3)(x), L.Conv1D(4, 2)(x)]),
    "keepdims": lambda: chain(L.Conv1D(4, 3), L.GlobalAveragePooling1D(keepdims=True)),
    "residual": lambda: _residual,
}


@pytest.mark.parametrize("name", BUILDS)
def test_it_computes_the_same(name: str) -> None:
    graph = rewritten(model_of(BUILDS[name](), LONG), run_as_images)
    assert not any(kind.endswith(("Conv1D", "Conv1DTranspose")) for kind in kinds(graph))


def test_a_chain_changes_its_shape_once() -> None:
    layers = [
        L.Conv1D(4, 3),
        L.ReLU(),
        L.MaxPooling1D(),
        L.ZeroPadding1D(1),
        L.Conv1D(4, 3),
        L.GlobalAveragePooling1D(),
    ]
    graph = rewritten(model_of(chain(*layers), LONG), run_as_images)
    assert Counter(kinds(graph))["Reshape"] == 1
