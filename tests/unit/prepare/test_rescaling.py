"""Rescaling and Normalization leave the model, and its outputs stay what they were."""

from __future__ import annotations

import numpy as np
import pytest
import tf_keras
from tf_keras import layers

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare.affine import fold_affine
from qat_kit.prepare.building import build_model
from qat_kit.prepare.reading import read_graph
from qat_kit.prepare.rescaling import replace_rescaling
from tests.support.models import IMAGE, SEQUENCE, VECTOR, chain, model_of, samples


def kinds_after(model: tf_keras.Model) -> list[str]:
    """The layers of the rewritten model, whose outputs are compared with those before."""
    result = build_model(fold_affine(replace_rescaling(read_graph(model))))
    inputs = samples(model, 8)[0]
    expected = model(inputs).numpy()
    np.testing.assert_allclose(result(inputs).numpy(), expected, atol=1e-5 * np.abs(expected).max())
    return [type(layer).__name__ for layer in result.layers[1:]]


SCALINGS = {
    "scale": lambda: layers.Rescaling(1 / 127.5),
    "scale and offset": lambda: layers.Rescaling(1 / 127.5, offset=-1.0),
    "a scale a channel": lambda: layers.Rescaling([0.5, 2.0, 0.1, 1.0], offset=[0.0, 1.0, -1.0, 0.5]),
    "normalization": lambda: layers.Normalization(mean=[0.1, -0.3, 0.0, 2.0], variance=[0.5, 2.0, 1.0, 0.1]),
    "one mean": lambda: layers.Normalization(axis=None, mean=0.4, variance=2.0),
}


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (lambda: layers.Conv2D(5, 3, strides=2), IMAGE),
        (lambda: layers.Conv2D(5, (3, 2), dilation_rate=2, use_bias=False), IMAGE),
        (lambda: layers.DepthwiseConv2D(3, depth_multiplier=2), IMAGE),
        (lambda: layers.Conv1D(5, 3), SEQUENCE),
        (lambda: layers.DepthwiseConv1D(3, depth_multiplier=2), SEQUENCE),
        (lambda: layers.Dense(5, use_bias=False), IMAGE),
    ],
    ids=["conv", "conv without bias", "depthwise", "conv1d", "depthwise1d", "dense"],
)
def test_it_goes_into_the_kernel_behind_it(scaling, layer, shape):
    made = layer()
    assert kinds_after(model_of(chain(SCALINGS[scaling](), made), shape)) == [type(made).__name__]


def test_a_scale_passes_padding_and_an_offset_does_not():
    padded = [layers.Conv2D(5, 3, padding="same")]
    assert kinds_after(model_of(chain(layers.Rescaling(0.1), *padded))) == ["Conv2D"]
    padded = [layers.Conv2D(5, 3, padding="same")]
    assert kinds_after(model_of(chain(layers.Rescaling(0.1, offset=1.0), *padded))) == ["DepthwiseConv2D", "Conv2D"]


@pytest.mark.parametrize(
    "parts",
    [
        lambda: [layers.Rescaling(0.1, offset=1.0), layers.ReLU()],
        lambda: [layers.Rescaling(0.1, offset=1.0), layers.Conv2D(4, 3, groups=2)],
    ],
    ids=["before an activation", "before groups"],
)
def test_where_it_cannot_go_into_a_kernel_it_becomes_one(parts):
    kinds = kinds_after(model_of(chain(*parts())))
    assert "DepthwiseConv2D" in kinds
    assert "Rescaling" not in kinds


def test_one_that_is_read_twice_becomes_a_kernel():
    def build(image):
        scaled = layers.Rescaling(0.1, offset=1.0)(image)
        return layers.Concatenate()([layers.Conv2D(4, 1)(scaled), scaled])

    assert "DepthwiseConv2D" in kinds_after(model_of(build))


def test_an_adapted_normalization_keeps_its_statistics():
    data = np.random.default_rng(2).normal(3.0, 5.0, (64, *VECTOR)).astype(np.float32)
    normalization = layers.Normalization()
    normalization.adapt(data)
    image = tf_keras.Input(VECTOR)
    assert kinds_after(tf_keras.Model(image, layers.Dense(3)(normalization(image)))) == ["Dense"]


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (lambda: layers.Normalization(axis=1, mean=[0.0] * 8, variance=[1.0] * 8, name="it"), "along the last axis"),
        (lambda: layers.Normalization(mean=0.5, variance=2.0, invert=True, name="it"), "along the last axis"),
    ],
)
def test_what_cannot_be_folded_is_refused_by_name(layer, words):
    with pytest.raises(UnsupportedLayerError, match=f"layer 'it' .*{words}"):
        replace_rescaling(read_graph(model_of(chain(layer(), layers.Conv2D(4, 3)))))
