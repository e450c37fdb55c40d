"""What is trained is what runs: the integer forward pass against LiteRT, 0 LSB on every output, each kernel set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tf_keras import layers

from qat_kit.convert.job import Job
from qat_kit.convert.worker import run
from qat_kit.errors import SchemeError
from qat_kit.litert.interpreter import Interpreter, KernelSet
from qat_kit.numerics import QuantParams, TensorSpec, fake_quantize
from qat_kit.prepare import prepare
from qat_kit.simulation import export_simulated, simulate
from qat_kit.simulation.quantizers import assign_range
from tests.support import models, models_operations, models_resampling, models_sequences
from tests.support.layer_zoo import ROWS

PATTERNS = {
    **models.PATTERNS,
    **models_operations.PATTERNS,
    **models_resampling.PATTERNS,
    **models_sequences.PATTERNS,
    **{name: row.build for name, row in ROWS.items() if row.family == "topologies"},
}
FAST = (
    "add_relu",
    "depthwise_multiplier",
    "dense_softmax",
    "branches",
    "squeeze_and_excite",
    "conv_leaky",
    "conv_groups",
)
# One row each of what no kernel set of this forward pass computes.
UNCOVERED = {"conv_prelu": "PRELU", "shared_twice": "called at several places"}


def assert_equal_to_the_file(
    model: tf_keras.Model,
    folder: Path,
    *,
    num_samples: int = 24,
    in_graph: bool = True,
    change: Callable[[tf_keras.Model], None] | None = None,
) -> None:
    """in_graph: as training runs it; else operator by operator, which starts sooner. change: of the simulated model."""
    prepared = prepare(model)
    calibration = [models.samples(prepared.model, 16)]
    path = folder / "model.tflite"
    for kernel_set in get_args(KernelSet):
        qat = simulate(prepared, calibration, forward="integer", kernel_set=kernel_set).model
        if change is not None:
            change(qat)
        if not path.exists():
            export_simulated(qat, folder / "saved_model")
            run(Job(saved_model=folder / "saved_model", output=path, mode="int8_from_qat"))
        interpreter = Interpreter(path, kernel_set=kernel_set)
        feed = on_grid(model, prepared.model, interpreter, num_samples)
        real = interpreter.run_real(feed)
        answers = answers_of(qat, list(feed.values()), in_graph=in_graph)
        for detail in interpreter.outputs:
            differing = int((answers[detail.name] != real[detail.name]).sum())
            assert differing == 0, f"{kernel_set} {detail.name}: {differing} of {real[detail.name].size} differ"


def on_grid(model: Any, prepared: Any, interpreter: Interpreter, count: int) -> dict[str, np.ndarray]:
    """Samples on the inputs' grids, some of them beyond the ranges, so that codes are clipped on the way."""
    params = {detail.name: detail.params for detail in interpreter.inputs}
    names = [tensor.node.layer.name for tensor in model.inputs]
    arrays = models.samples(prepared, count, seed=5)
    return {
        name: array if params[name] is None else fake_quantize(array * 1.5, params[name])
        for name, array in zip(names, arrays, strict=True)
    }


def answers_of(qat: tf_keras.Model, arrays: list[np.ndarray], *, in_graph: bool) -> dict[str, np.ndarray]:
    def infer(inputs: Any) -> Any:
        return qat(inputs, training=False)

    outputs = (tf.function(infer) if in_graph else infer)(arrays if len(arrays) > 1 else arrays[0])
    outputs = outputs if isinstance(outputs, list) else [outputs]
    return {name: output.numpy() for name, output in zip(qat.output_names, outputs, strict=True)}


@pytest.mark.parametrize("name", FAST)
def test_the_file_computes_what_training_computed(name: str, tmp_path: Path) -> None:
    assert_equal_to_the_file(PATTERNS[name](), tmp_path)


def test_ties_are_rounded_as_each_kernel_set_rounds_them(tmp_path: Path) -> None:
    """Multipliers that are powers of two, so that one sum in 256 lies between two codes."""
    model = models.model_of(
        models.chain(
            layers.Conv2D(12, 3, groups=2, name="groups"),
            layers.Conv2D(10, 2, name="conv"),
            layers.DepthwiseConv2D(2, name="depthwise"),
            layers.Conv2DTranspose(11, 2, name="transposed"),
            layers.Flatten(),
            layers.Dense(60, name="dense"),
        )
    )
    random = np.random.default_rng(0)
    for layer in model.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            codes = random.integers(-127, 128, kernel.shape)
            # Each channel reaches the end, so that its scale is 1/128.
            codes[0, 0] = 127
            layer.set_weights([codes / 128, random.integers(-4, 5, bias.shape) / 4])

    def power_of_two_scales(qat: tf_keras.Model) -> None:
        places = {"quantize_image": 6, "groups": 5, "conv": 4, "depthwise": 3, "transposed": 2, "dense": 0}
        for name, place in places.items():
            params = QuantParams(spec=TensorSpec(), scale=2.0**-place, zero_point=0)
            assign_range(qat.get_layer(name).output_range, params)

    assert_equal_to_the_file(model, tmp_path, in_graph=False, change=power_of_two_scales)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in PATTERNS if name not in FAST])
def test_every_pattern_that_is_covered(name: str, tmp_path: Path) -> None:
    try:
        assert_equal_to_the_file(PATTERNS[name](), tmp_path, in_graph=False)
    except SchemeError as error:
        pytest.skip(f"not covered: {str(error).splitlines()[1].strip()}")


# -------------------------------------------------------------------------------------------- random nets

ACTIVATIONS = st.sampled_from([None, "relu", "relu6", "leaky", "sigmoid", "tanh"])
FILTERS = st.sampled_from([3, 8, 17])


def activated(value: Any, activation: str | None) -> Any:
    if activation in ("relu", "relu6"):
        return layers.ReLU(6.0 if activation == "relu6" else None)(value)
    if activation == "leaky":
        return layers.LeakyReLU(0.15)(value)
    return layers.Activation(activation)(value) if activation else value


def extended(value: Any, draw: st.DrawFn) -> Any:
    """One more block behind an image."""
    padding, strides = draw(st.sampled_from(["same", "valid"])), draw(st.sampled_from([1, 1, 2]))
    size = min(draw(st.sampled_from([1, 2, 3])), *value.shape[1:3])
    activation = draw(ACTIVATIONS)
    match draw(st.sampled_from(["conv", "depthwise", "transposed", "pool", "residual", "joined", "scaled", "resized"])):
        case "conv":
            value = layers.Conv2D(draw(FILTERS), size, strides=strides, padding=padding)(value)
        case "depthwise":
            depth = draw(st.sampled_from([1, 2]))
            value = layers.DepthwiseConv2D(size, strides=strides, padding=padding, depth_multiplier=depth)(value)
        case "transposed":
            value = layers.Conv2DTranspose(draw(FILTERS), size, strides=strides, padding=padding)(value)
        case "pool":
            pool = draw(st.sampled_from([layers.AveragePooling2D, layers.MaxPooling2D]))
            return pool(size, strides=strides, padding=padding)(value)
        case "residual":
            join = draw(st.sampled_from([layers.Add, layers.Subtract]))
            value = join()([value, layers.Conv2D(value.shape[-1], 3, padding="same")(value)])
        case "joined":
            # Not with the block's input, whose scale may be one that the specification fixes.
            wide = layers.Conv2D(3, 3, padding="same")(layers.ZeroPadding2D(((0, 1), (1, 0)))(value))[:, 1:, :-1]
            return layers.Concatenate()([layers.Conv2D(5, 1)(value), wide])
        case "scaled":
            weights = layers.Dense(value.shape[-1], activation="sigmoid")(
                layers.GlobalAveragePooling2D(keepdims=True)(value)
            )
            value = layers.Multiply()([value, weights])
        case "resized":
            return layers.UpSampling2D(2, interpolation=draw(st.sampled_from(["nearest", "bilinear"])))(value)
    return activated(value, activation)


def net_of(draw: st.DrawFn) -> tf_keras.Model:
    image = tf_keras.Input(
        (draw(st.integers(4, 7)), draw(st.integers(4, 7)), draw(st.sampled_from([1, 3]))), name="image"
    )
    value = layers.Conv2D(draw(FILTERS), 3, padding="same")(image)
    value = activated(value, draw(ACTIVATIONS))
    for _ in range(draw(st.integers(1, 4))):
        value = extended(value, draw)
    value = draw(st.sampled_from([layers.GlobalAveragePooling2D, layers.Flatten]))()(value)
    value = layers.Dense(draw(st.sampled_from([1, 4, 9])))(value)
    value = layers.Softmax()(value) if draw(st.booleans()) else value
    return models.randomized(tf_keras.Model(image, value, name="pattern"), seed=draw(st.integers(0, 1000)))


def check_random_nets(factory: pytest.TempPathFactory, num_nets: int) -> None:
    @settings(max_examples=num_nets, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def check(data: st.DataObject) -> None:
        assert_equal_to_the_file(net_of(data.draw), factory.mktemp("net"), num_samples=8, in_graph=False)

    check()


def test_random_nets(tmp_path_factory: pytest.TempPathFactory) -> None:
    check_random_nets(tmp_path_factory, 2)


@pytest.mark.slow
def test_many_random_nets(tmp_path_factory: pytest.TempPathFactory) -> None:
    check_random_nets(tmp_path_factory, 60)


# -------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("name", UNCOVERED)
def test_what_is_not_covered_is_refused_by_name(name: str) -> None:
    with pytest.raises(SchemeError, match=UNCOVERED[name]):
        simulate(prepare(PATTERNS[name]()), [], forward="integer", kernel_set="xnnpack")
