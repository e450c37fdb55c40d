"""The stage as a whole: same outputs, a flat model, the user's model untouched, broken weights refused."""

from __future__ import annotations

import numpy as np
import pytest
import tf_keras
from tf_keras import layers

from qat_kit.errors import ModelError, UnsupportedLayerError
from qat_kit.prepare import prepare
from qat_kit.prepare import prepare as prepare_stage
from qat_kit.prepare.reading import read_graph
from tests.support import models
from tests.support.models import IMAGE, chain, conv, model_of


@pytest.mark.parametrize("name", models.PATTERNS)
def test_outputs_stay_within_float32_rounding(name: str) -> None:
    model = models.PATTERNS[name]()
    prepared = prepare(model).model
    assert models.largest_difference(model, prepared) <= 1e-5
    assert not any(isinstance(layer, layers.BatchNormalization | tf_keras.Model) for layer in prepared.layers)


def test_the_users_model_is_left_as_it_is() -> None:
    model = models.PATTERNS["add_relu"]()
    before, configuration = model.get_weights(), model.to_json()
    prepare(model)
    assert model.to_json() == configuration
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_origins_cover_every_layer_of_the_model() -> None:
    model = model_of(
        chain(
            layers.SeparableConv2D(4, 3, name="features", activation="relu"),
            conv(4, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="relu"),
        )
    )
    assert prepare(model).origins == {
        "image": ("image",),
        "features_depthwise": ("features",),
        "features": ("features",),
        "features_relu": ("features",),
        "conv": ("conv", "norm"),
        "relu": ("relu",),
    }


def test_preparing_twice_changes_nothing() -> None:
    once = prepare(models.PATTERNS["unet"]()).model
    twice = prepare(once).model
    assert [layer.name for layer in twice.layers] == [layer.name for layer in once.layers]
    assert models.largest_difference(once, twice) == 0.0


def test_a_deep_model_stays_within_the_tolerance() -> None:
    parts = [part for _ in range(20) for part in (conv(4), layers.BatchNormalization(), layers.ReLU())]
    model = model_of(chain(*parts, layers.Flatten(), layers.Dense(3)))
    assert models.largest_difference(model, prepare(model).model) <= 1e-5


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("nested", [False, True])
def test_broken_weights_are_refused_by_name(value: float, nested: bool) -> None:
    layer = conv(4, name="broken")
    build = tf_keras.Sequential([tf_keras.Input(IMAGE), layer]) if nested else layer
    model = model_of(build)
    kernel = layer.kernel.numpy()
    kernel[1, 1, 0, 2] = value
    layer.kernel.assign(kernel)
    with pytest.raises(ModelError, match=r"'broken.*NaN or infinity"):
        prepare(model)


def test_a_rewrite_that_changes_outputs_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(chain(conv(4, name="conv"), layers.LeakyReLU(0.1, name="leaky"), conv(2, name="last")))
    module = __import__("sys").modules[prepare_stage.__module__]
    monkeypatch.setattr(module, "REWRITES", (lambda graph: graph.replaced({"leaky": ()}),))
    with pytest.raises(ModelError, match=r"changed the output of layer 'last' by"):
        prepare(model)


def test_a_custom_activation_is_refused_by_name() -> None:
    def custom(value: object) -> object:
        return value

    with pytest.raises(UnsupportedLayerError, match=r"'conv'"):
        prepare(model_of(conv(name="conv", activation=custom)))


def test_nodes_keep_the_shapes_of_the_model() -> None:
    prepared = prepare(models.PATTERNS["separable"]())
    graph = read_graph(prepared.model)
    for layer in prepared.model.layers[1:]:
        assert graph.nodes[layer.name].output_shape == layer.output_shape
