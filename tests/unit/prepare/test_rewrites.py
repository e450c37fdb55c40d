"""Each rewrite alone: what it leaves, and that outputs stay what they were for every argument it must carry over."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tf_keras
from tf_keras import layers

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare.activations import split_activations
from qat_kit.prepare.additions import chain_additions
from qat_kit.prepare.affine import fold_affine
from qat_kit.prepare.batch_norm import replace_batch_norm
from qat_kit.prepare.biases import keep_biases
from qat_kit.prepare.building import build_model
from qat_kit.prepare.graph import Graph
from qat_kit.prepare.reading import read_graph
from qat_kit.prepare.separable import split_separable
from tests.support import models
from tests.support.models import IMAGE, SEQUENCE, VECTOR, chain, conv, model_of

TOLERANCE = 1e-5


def rewritten(model: tf_keras.Model, *rewrites: Callable[[Graph], Graph]) -> tf_keras.Model:
    """The rewritten model, held to the outputs of the original."""
    graph = read_graph(model)
    for rewrite in rewrites:
        graph = rewrite(graph)
    result = build_model(graph)
    assert models.largest_difference(model, result) <= TOLERANCE
    return result


def kinds(model: tf_keras.Model) -> list[str]:
    return [type(layer).__name__ for layer in model.layers if not isinstance(layer, layers.InputLayer)]


# -------------------------------------------------------------------------------------------- batch norm

FOLDED = {
    "conv": (lambda: conv(5), IMAGE),
    "conv without bias": (lambda: conv(5, use_bias=False), IMAGE),
    "conv with strides": (lambda: layers.Conv2D(5, 3, strides=2, padding="same"), IMAGE),
    "conv with dilation": (lambda: layers.Conv2D(5, (3, 2), dilation_rate=2), IMAGE),
    "conv in groups": (lambda: conv(6, groups=2), IMAGE),
    "depthwise": (lambda: layers.DepthwiseConv2D(3), IMAGE),
    "depthwise with multiplier": (lambda: layers.DepthwiseConv2D(3, depth_multiplier=3, use_bias=False), IMAGE),
    "depthwise with dilation": (lambda: layers.DepthwiseConv2D(3, dilation_rate=2), IMAGE),
    "conv1d": (lambda: layers.Conv1D(5, 3, padding="causal"), SEQUENCE),
    "depthwise1d": (lambda: layers.DepthwiseConv1D(3, depth_multiplier=2), SEQUENCE),
    "transposed": (lambda: layers.Conv2DTranspose(5, 3, strides=2, padding="same", use_bias=False), IMAGE),
    "dense": (lambda: layers.Dense(5), VECTOR),
    "dense on a sequence": (lambda: layers.Dense(5, use_bias=False), SEQUENCE),
}


@pytest.mark.parametrize("case", FOLDED)
def test_batch_norm_folds_into_the_linear_layer_before_it(case: str) -> None:
    make, shape = FOLDED[case]
    linear = make()
    result = rewritten(
        model_of(chain(linear, layers.BatchNormalization(name="norm")), shape), replace_batch_norm, fold_affine
    )
    assert kinds(result) == [type(linear).__name__]
    assert result.layers[1].use_bias


@pytest.mark.parametrize(
    "arguments",
    [
        {"epsilon": 0.5},
        {"scale": False},
        {"center": False},
        {"scale": False, "center": False, "epsilon": 0.1},
        {"axis": [3]},
        {"momentum": 0.5, "fused": False},
    ],
    ids=str,
)
def test_batch_norm_folds_with_its_own_arguments(arguments: dict[str, object]) -> None:
    model = model_of(chain(conv(5), layers.BatchNormalization(**arguments)))
    assert kinds(rewritten(model, replace_batch_norm, fold_affine)) == ["Conv2D"]


def test_folded_numbers_worked_by_hand() -> None:
    model = model_of(chain(layers.Dense(2, name="dense"), layers.BatchNormalization(epsilon=0.0)), (1,))
    dense, norm = model.layers[1:]
    dense.set_weights([np.array([[1.0, 2.0]]), np.array([3.0, 5.0])])
    # gamma, beta, mean, variance
    norm.set_weights([np.array([2.0, -1.0]), np.array([0.5, 0.25]), np.array([1.0, 4.0]), np.array([4.0, 0.25])])
    kernel, bias = rewritten(model, replace_batch_norm, fold_affine).get_layer("dense").get_weights()
    # factor 2/√4 = 1 and −1/√0.25 = −2
    np.testing.assert_array_equal(kernel, [[1.0, -4.0]])
    np.testing.assert_array_equal(bias, [3.0 + 0.5 - 1.0, (5.0 - 4.0) * -2.0 + 0.25])


def test_two_batch_norms_fold_one_after_the_other() -> None:
    model = model_of(chain(conv(5), layers.BatchNormalization(), layers.BatchNormalization()))
    assert kinds(rewritten(model, replace_batch_norm, fold_affine)) == ["Conv2D"]


def test_batch_norm_behind_an_activation_becomes_a_convolution_of_its_own() -> None:
    model = model_of(chain(conv(5, activation="relu"), layers.BatchNormalization(name="norm")))
    result = rewritten(model, replace_batch_norm, fold_affine)
    assert kinds(result) == ["Conv2D", "DepthwiseConv2D"]
    assert result.get_layer("norm").kernel_size == (1, 1)


def test_batch_norm_does_not_fold_into_a_layer_that_something_else_reads() -> None:
    def build(image: object) -> object:
        value = conv(4, name="shared")(image)
        return layers.Add()([value, layers.BatchNormalization()(value)])

    assert kinds(rewritten(model_of(build), replace_batch_norm, fold_affine)) == ["Conv2D", "DepthwiseConv2D", "Add"]


def test_batch_norm_does_not_fold_into_a_layer_that_the_model_returns() -> None:
    image = tf_keras.Input(IMAGE, name="image")
    value = conv(4, name="shared")(image)
    model = models.randomized(tf_keras.Model(image, [value, layers.BatchNormalization()(value)]))
    assert kinds(rewritten(model, replace_batch_norm, fold_affine)) == ["Conv2D", "DepthwiseConv2D"]


@pytest.mark.parametrize("shape", [VECTOR, SEQUENCE, (2, 3, 4, 5)], ids=str)
def test_batch_norm_with_nothing_to_fold_into_is_a_kernel_between_reshapes(shape: tuple[int, ...]) -> None:
    model = model_of(chain(layers.ReLU(), layers.BatchNormalization(name="norm")), shape)
    result = rewritten(model, replace_batch_norm, fold_affine)
    assert kinds(result) == ["ReLU", "Reshape", "DepthwiseConv2D", "Reshape"]


def test_batch_norm_before_linear_layers_folds_into_all_of_them() -> None:
    def build(value: object) -> object:
        value = layers.BatchNormalization()(layers.ReLU()(value))
        return layers.Add()([layers.Dense(3)(value), layers.Dense(3, use_bias=False)(value)])

    result = rewritten(model_of(build, VECTOR), replace_batch_norm, fold_affine)
    assert kinds(result) == ["ReLU", "Dense", "Dense", "Add"]


def test_batch_norm_along_another_axis_is_refused() -> None:
    model = model_of(chain(conv(5), layers.BatchNormalization(axis=1, name="norm")))
    with pytest.raises(UnsupportedLayerError, match=r"'norm'.*axis 1"):
        fold_affine(replace_batch_norm(read_graph(model)))


def test_origins_name_both_layers() -> None:
    graph = fold_affine(
        replace_batch_norm(read_graph(model_of(chain(conv(name="conv"), layers.BatchNormalization(name="norm")))))
    )
    assert graph.nodes["conv"].origins == ("conv", "norm")


# -------------------------------------------------------------------------------------------- activations


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("relu", ["Conv2D", "ReLU"]),
        ("relu6", ["Conv2D", "ReLU"]),
        ("softmax", ["Conv2D", "Softmax"]),
        ("linear", ["Conv2D"]),
        (None, ["Conv2D"]),
        ("sigmoid", ["Conv2D", "Activation"]),
        ("swish", ["Conv2D", "Activation", "Multiply"]),
        (layers.LeakyReLU(0.4), ["Conv2D", "LeakyReLU"]),
        (layers.ReLU(max_value=2.0, negative_slope=0.1, threshold=0.2), ["Conv2D", "ReLU"]),
        (layers.PReLU(shared_axes=[1, 2]), ["Conv2D", "PReLU"]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, layers.Layer) else str(value),
)
@pytest.mark.parametrize("use_bias", [True, False])
def test_an_activation_argument_becomes_a_layer(activation: object, expected: list[str], use_bias: bool) -> None:
    # A wide spread, so that clipping at 6 shows.
    model = model_of(chain(conv(5, activation=activation, use_bias=use_bias, name="conv")))
    model.get_layer("conv").set_weights([5 * weight for weight in model.get_layer("conv").get_weights()])
    result = rewritten(model, split_activations)
    assert kinds(result) == expected
    assert result.get_layer("conv").activation is tf_keras.activations.linear


@pytest.mark.parametrize("kind", ["Conv1D", "DepthwiseConv1D", "DepthwiseConv2D", "Conv2DTranspose", "Dense"])
def test_every_linear_layer_gives_its_activation_away(kind: str) -> None:
    shape = SEQUENCE if kind.endswith("1D") else VECTOR if kind == "Dense" else IMAGE
    arguments = {"kernel_size": 3} if kind != "Dense" else {}
    arguments |= {} if kind.startswith("Depthwise") else {"units" if kind == "Dense" else "filters": 5}
    model = model_of(getattr(layers, kind)(activation="relu", **arguments), shape)
    assert kinds(rewritten(model, split_activations)) == [kind, "ReLU"]


@pytest.mark.parametrize(
    ("activation", "expected"), [("relu", ["ReLU"]), ("linear", []), ("relu6", ["ReLU"]), ("tanh", ["Activation"])]
)
def test_the_layer_activation_takes_the_same_form(activation: str, expected: list[str]) -> None:
    model = model_of(chain(conv(), layers.Activation(activation, name="act"), conv(2, name="last")))
    assert kinds(rewritten(model, split_activations)) == ["Conv2D", *expected, "Conv2D"]


def test_an_activation_inside_a_recurrent_layer_is_left_alone() -> None:
    assert kinds(rewritten(model_of(layers.LSTM(3), SEQUENCE), split_activations)) == ["LSTM"]


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`:UserWarning")
def test_a_lambda_as_activation_is_refused() -> None:
    model = model_of(conv(name="conv", activation=lambda value: value * value))
    with pytest.raises(UnsupportedLayerError, match=r"'conv' \(Conv2D with a lambda\)"):
        split_activations(read_graph(model))


def test_the_activation_layer_takes_a_free_name() -> None:
    model = model_of(chain(conv(4, name="a", activation="relu"), conv(4, name="a_relu")))
    result = rewritten(model, split_activations)
    assert [layer.name for layer in result.layers[1:]] == ["a", "a_relu_1", "a_relu"]


# -------------------------------------------------------------------------------------------- separable


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"strides": 2},
        {"padding": "same"},
        {"dilation_rate": 2},
        {"depth_multiplier": 3},
        {"use_bias": False},
        {"activation": "tanh"},
        {"padding": "same", "depth_multiplier": 2, "activation": "sigmoid"},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["SeparableConv1D", "SeparableConv2D"])
def test_a_separable_convolution_becomes_two(kind: str, arguments: dict[str, object]) -> None:
    shape = IMAGE if kind == "SeparableConv2D" else SEQUENCE
    model = model_of(getattr(layers, kind)(5, 3, name="features", **arguments), shape)
    result = rewritten(model, split_separable)
    assert kinds(result) == [f"DepthwiseConv{kind[-2:]}", f"Conv{kind[-2:]}"]
    assert [layer.name for layer in result.layers[1:]] == ["features_depthwise", "features"]
    assert result.get_layer("features").use_bias is arguments.get("use_bias", True)


def test_a_separable_convolution_keeps_its_training_arguments() -> None:
    model = model_of(
        layers.SeparableConv2D(
            5,
            3,
            name="features",
            depthwise_regularizer=tf_keras.regularizers.L2(0.1),
            pointwise_regularizer=tf_keras.regularizers.L2(0.2),
            bias_regularizer=tf_keras.regularizers.L2(0.3),
            pointwise_constraint="non_neg",
            depthwise_constraint="unit_norm",
            bias_constraint="max_norm",
            trainable=False,
        )
    )
    result = rewritten(model, split_separable)
    depthwise, pointwise = result.layers[1:]
    assert float(depthwise.depthwise_regularizer.l2) == pytest.approx(0.1)
    assert float(pointwise.kernel_regularizer.l2) == pytest.approx(0.2)
    assert float(pointwise.bias_regularizer.l2) == pytest.approx(0.3)
    assert isinstance(depthwise.depthwise_constraint, tf_keras.constraints.UnitNorm)
    assert isinstance(pointwise.kernel_constraint, tf_keras.constraints.NonNeg)
    assert isinstance(pointwise.bias_constraint, tf_keras.constraints.MaxNorm)
    assert not depthwise.trainable
    assert not pointwise.trainable


def test_batch_norm_behind_a_separable_convolution_folds_into_its_second_half() -> None:
    model = model_of(chain(layers.SeparableConv2D(5, 3, use_bias=False), layers.BatchNormalization()))
    assert kinds(rewritten(model, split_separable, replace_batch_norm, fold_affine)) == ["DepthwiseConv2D", "Conv2D"]


# -------------------------------------------------------------------------------------------- additions


@pytest.mark.parametrize("kind", ["Add", "Multiply", "Maximum", "Minimum"])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_layer_of_many_becomes_a_chain_of_two(kind: str, count: int) -> None:
    def build(image: object) -> object:
        return getattr(layers, kind)(name="joined")([conv(4, name=f"conv{index}")(image) for index in range(count)])

    result = rewritten(model_of(build), chain_additions)
    joins = [layer for layer in result.layers if type(layer).__name__ == kind]
    assert len(joins) == count - 1
    assert [len(layer.input) for layer in joins] == [2] * (count - 1)
    assert result.output_names == ["joined"]


def test_concatenation_of_many_stays_one() -> None:
    model = model_of(lambda image: layers.Concatenate()([conv(2, name=f"conv{i}")(image) for i in range(4)]))
    assert kinds(rewritten(model, chain_additions)).count("Concatenate") == 1


def test_a_tensor_that_is_added_twice_stays_twice() -> None:
    model = model_of(lambda image: layers.Add(name="sum")([image, image, conv(4)(image)]))
    assert kinds(rewritten(model, chain_additions)) == ["Add", "Conv2D", "Add"]


# -------------------------------------------------------------------------------------------- biases


@pytest.mark.parametrize("bias", [None, 0.0, 0.5])
def test_a_transposed_convolution_always_has_a_bias_that_is_not_all_zero(bias: float | None) -> None:
    layer = layers.Conv2DTranspose(4, 3, strides=(2, 1), padding="same", name="up", use_bias=bias is not None)
    model = model_of(layer)
    if bias is not None:
        layer.bias.assign([0.0, 0.0, bias, 0.0])
    result = rewritten(model, keep_biases).get_layer("up")
    assert np.any(result.bias.numpy() != 0)
    if bias:
        np.testing.assert_array_equal(result.bias.numpy(), layer.bias.numpy())
    else:
        assert np.max(np.abs(result.bias.numpy())) <= 1e-30


@pytest.mark.parametrize("layer", [layers.Conv2D(4, 3), layers.Dense(4), layers.DepthwiseConv2D(3)])
def test_a_bias_of_one_value_is_kept_by_moving_one_entry_next_to_nothing(layer: layers.Layer) -> None:
    model = model_of(layer)
    layer.bias.assign([-0.7] * 4)
    (bias,) = rewritten(model, keep_biases).layers[-1].get_weights()[1:]
    assert len(set(bias.tolist())) == 2
    np.testing.assert_allclose(bias, -0.7, rtol=2e-7)


@pytest.mark.parametrize("bias", [[0.0] * 4, [0.1, 0.1, 0.2, 0.1]])
def test_every_other_bias_stays_as_it_is(bias: list[float]) -> None:
    layer = layers.Conv2D(4, 3)
    model = model_of(layer)
    layer.bias.assign(bias)
    np.testing.assert_array_equal(rewritten(model, keep_biases).layers[-1].get_weights()[1], np.float32(bias))
