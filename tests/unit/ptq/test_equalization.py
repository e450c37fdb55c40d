"""Equalization: the same function, and one size of weights for channels that had many."""

from __future__ import annotations

import numpy as np
import pytest
import tf_keras
from tf_keras import layers

from qat_kit.numerics import TensorSpec, choose_qparams, fake_quantize
from qat_kit.numerics.error import sqnr_db
from qat_kit.prepare import prepare
from qat_kit.prepare.evaluate import evaluate, random_inputs
from qat_kit.prepare.reading import read_graph
from qat_kit.ptq import equalize
from tests.support.models import IMAGE, VECTOR, chain, conv, model_of, samples

L = layers
NAMES = ("first", "middle", "last")
PER_TENSOR = TensorSpec(symmetric=True, narrow_range=True)


def depthwise(**arguments) -> L.Layer:
    return L.DepthwiseConv2D(3, **arguments)


PASSED = {
    "nothing": (lambda: [conv(8), conv(4)], IMAGE),
    "relu": (lambda: [conv(8, activation="relu"), conv(4)], IMAGE),
    "leaky relu": (lambda: [conv(8), L.LeakyReLU(0.1), conv(4)], IMAGE),
    "slopes": (lambda: [conv(8), L.PReLU(shared_axes=[1, 2]), conv(4)], IMAGE),
    "batch norm": (lambda: [conv(8), L.BatchNormalization(), L.ReLU(), conv(4)], IMAGE),
    "maximum": (lambda: [conv(8), L.ReLU(), L.MaxPooling2D(2), conv(4)], IMAGE),
    "average": (lambda: [conv(8), L.ReLU(), L.GlobalAveragePooling2D(), L.Dense(3)], IMAGE),
    "flatten": (lambda: [conv(8), L.ReLU(), L.AveragePooling2D(2), L.Flatten(), L.Dense(3)], IMAGE),
    "padding": (lambda: [conv(8), L.ReLU(), L.ZeroPadding2D(1), L.Conv2D(4, 3)], IMAGE),
    "into depthwise": (lambda: [conv(8), L.ReLU(), depthwise(depth_multiplier=2)], IMAGE),
    "out of depthwise": (lambda: [depthwise(depth_multiplier=2), L.ReLU(), conv(4)], IMAGE),
    "transposed": (lambda: [L.Conv2DTranspose(8, 3, strides=2), L.ReLU(), conv(4)], IMAGE),
    "dense": (lambda: [L.Dense(7, activation="relu"), L.Dense(3)], VECTOR),
    "sequence": (lambda: [L.Reshape((8, 32)), L.Conv1D(8, 3), L.ReLU(), L.Conv1D(4, 3)], IMAGE),
}


def ranges(done) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each path, the largest weight of each channel in the first kernel, and in the second."""
    pairs = []
    for path in done.paths:
        first, second = (done.prepared.model.get_layer(name) for name in (path.first, path.second))
        kernel = np.abs(first.get_weights()[0])
        if isinstance(first, L.Conv2DTranspose):
            kernel = kernel.swapaxes(2, 3)
        if isinstance(first, L.DepthwiseConv2D):
            kernel = kernel.reshape(*kernel.shape[:2], -1)
        above = kernel.reshape(-1, kernel.shape[-1]).max(axis=0)
        kernel = np.abs(second.get_weights()[0])
        inputs = kernel.reshape(-1, *kernel.shape[-2:]).max(axis=(0, 2))
        below = np.array([inputs[path.channels == channel].max() for channel in range(len(above))])
        pairs.append((above, below))
    return pairs


@pytest.mark.parametrize("name", PASSED)
def test_channels_agree_and_the_function_stays(name: str) -> None:
    make, shape = PASSED[name]
    prepared = prepare(model_of(chain(*make()), shape))
    done = equalize(prepared)
    ((above, below),) = ranges(done)
    np.testing.assert_allclose(above, below, rtol=1e-3)
    assert np.abs(np.log(done.factors[0])).max() > 0.05
    inputs = samples(prepared.model, 8)
    expected, found = prepared.model(inputs).numpy(), done.prepared.model(inputs).numpy()
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    assert done.prepared.origins == prepared.origins
    assert done.prepared.model.output_names == prepared.model.output_names


def badly_scaled() -> tf_keras.Model:
    """Every other channel a hundred times as large out of the first kernel, and a hundredth into the last."""
    model = model_of(
        chain(
            conv(8, name="first"),
            L.ReLU(),
            L.DepthwiseConv2D(3, padding="same", name="middle"),
            L.ReLU(),
            conv(4, name="last"),
        )
    )
    factor = np.where(np.arange(8) % 2, 100.0, 1.0)
    kernel, bias = model.get_layer("first").get_weights()
    model.get_layer("first").set_weights([kernel * factor, bias * factor])
    kernel, bias = model.get_layer("last").get_weights()
    model.get_layer("last").set_weights([kernel / factor.reshape(1, 1, -1, 1), bias])
    return model


def quantized_per_tensor(model: tf_keras.Model) -> tf_keras.Model:
    """The model with every kernel on 255 levels of one scale."""
    copy = tf_keras.models.clone_model(model)
    copy.set_weights(
        [
            fake_quantize(weight, choose_qparams(weight.min(), weight.max(), PER_TENSOR)) if weight.ndim > 1 else weight
            for weight in model.get_weights()
        ]
    )
    return copy


def test_a_depthwise_kernel_in_the_middle_gets_the_cube_root_of_three_ranges() -> None:
    prepared = prepare(badly_scaled())
    first, middle, last = (np.abs(prepared.model.get_layer(name).get_weights()[0]) for name in NAMES)
    # The ranges of a channel that passes three kernels have one product, whatever was moved between them.
    expected = np.cbrt(first.max(axis=(0, 1, 2)) * middle.max(axis=(0, 1, 3)) * last.max(axis=(0, 1, 3)))
    done = equalize(prepared)
    for above, below in ranges(done):
        np.testing.assert_allclose(above, expected, rtol=1e-3)
        np.testing.assert_allclose(below, expected, rtol=1e-3)


def test_per_tensor_quantization_no_longer_loses_the_small_channels() -> None:
    prepared = prepare(badly_scaled())
    done = equalize(prepared)
    inputs = samples(prepared.model, 16)
    expected = prepared.model(inputs).numpy()
    plain, equalized = (
        sqnr_db(expected, quantized_per_tensor(model)(inputs).numpy())
        for model in (prepared.model, done.prepared.model)
    )
    assert plain < 15 < 30 < equalized, (plain, equalized)


def test_the_function_is_the_same_in_float64() -> None:
    prepared = prepare(badly_scaled())
    before, after = read_graph(prepared.model), read_graph(equalize(prepared).prepared.model)
    feed = random_inputs(before)
    old, new = (evaluate(graph, feed, graph.outputs)[graph.outputs[0]].array for graph in (before, after))
    np.testing.assert_allclose(new, old, atol=1e-6 * np.abs(old).max())


STOPPED = {
    "sigmoid": (lambda x: conv(4)(L.Activation("sigmoid")(conv(8, name="first")(x))), "no factor passes"),
    "branch": (lambda x: L.Concatenate()([conv(4)(y := conv(8, name="first")(x)), conv(4)(y)]), "several layers"),
    "addition": (lambda x: conv(4)(L.Add()([conv(4, name="first")(x), x])), "no factor passes 'add"),
    "maximum": (lambda x: conv(4)(L.ReLU(6.0, name="six")(conv(8, name="first")(x))), "'six' stops at 6"),
    "shared": (lambda x: L.ReLU()((layer := conv(4, name="first"))(layer(x))), "called at several places"),
    "end": (lambda x: conv(4, name="first")(x), "the model's own"),
}


@pytest.mark.parametrize("name", STOPPED)
def test_what_no_factor_passes_is_left_and_told(name: str) -> None:
    build, why = STOPPED[name]
    prepared = prepare(model_of(build))
    done = equalize(prepared)
    assert done.paths == ()
    assert done.prepared is prepared
    assert why in done.stops["first"]


def test_relu6_is_replaced_when_asked_and_only_between_kernels() -> None:
    parts = [conv(8), L.ReLU(6.0, name="between"), conv(4), L.ReLU(6.0, name="end")]
    prepared = prepare(model_of(chain(*parts)))
    done = equalize(prepared, replace_relu6=True)
    assert done.replaced == ("between",)
    assert done.prepared.model.get_layer("between").max_value is None
    assert done.prepared.model.get_layer("end").max_value == 6.0
    ((above, below),) = ranges(done)
    np.testing.assert_allclose(above, below, rtol=1e-3)
    # No value comes near 6 here, so the function is the same.
    inputs = [values / 10 for values in samples(prepared.model, 8)]
    np.testing.assert_allclose(done.prepared.model(inputs), prepared.model(inputs), atol=1e-5)


def test_a_channel_of_zeros_stays_as_it_is() -> None:
    model = model_of(chain(conv(8, name="first"), L.ReLU(), conv(4, name="last")))
    kernel, bias = model.get_layer("first").get_weights()
    kernel[..., 2] = 0
    model.get_layer("first").set_weights([kernel, bias])
    kernel, *rest = model.get_layer("last").get_weights()
    kernel[:, :, 5] = 0
    model.get_layer("last").set_weights([kernel, *rest])
    done = equalize(prepare(model))
    assert done.factors[0][[2, 5]].tolist() == [1.0, 1.0]
    assert done.prepared.model.get_layer("first").get_weights()[1][2] == bias[2]
