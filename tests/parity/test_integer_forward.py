"""What is trained is what runs: the integer forward pass against LiteRT, 0 LSB on every output, each kernel set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tf_keras
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tf_keras import layers

from qat_kit.errors import SchemeError
from qat_kit.layers import Reduce
from qat_kit.numerics import QuantParams, TensorSpec
from qat_kit.prepare import prepare
from qat_kit.schemes import QuantScheme, get_scheme
from qat_kit.simulation import simulate
from qat_kit.simulation.quantizers import assign_range
from tests.support import (
    models,
    models_activations,
    models_attention,
    models_operations,
    models_resampling,
    models_sequences,
)
from tests.support.integer_forward import differences
from tests.support.layer_zoo import ROWS

PATTERNS = {
    **models.PATTERNS,
    **models_activations.PATTERNS,
    **models_attention.PATTERNS,
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
    "shared_twice",
)
# Operator by operator, which starts sooner.
FAST_PARTS = ("conv_prelu", "operation_constants", "layer_norm", "masked_attention")
# Operators whose results are no codes.
REFUSED = ("GREATER", "NOT_EQUAL")


def assert_equal_to_the_file(model: tf_keras.Model, folder: Path, **wishes: Any) -> None:
    """On every kernel set, 0 LSB on every output; wishes: as `differences` takes them."""
    found = differences(model, folder, **wishes)
    assert all(each.num_values for each in found)
    wrong = [
        f"{each.kernel_set} {each.output}: {each.num_differing} of {each.num_values} differ, by {each.largest_lsb:g}"
        for each in found
        if each.num_differing
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", FAST)
def test_the_file_computes_what_training_computed(name: str, tmp_path: Path) -> None:
    assert_equal_to_the_file(PATTERNS[name](), tmp_path)


@pytest.mark.parametrize("name", FAST_PARTS)
def test_slopes_constants_norms_and_attention_compute_what_their_files_do(name: str, tmp_path: Path) -> None:
    assert_equal_to_the_file(PATTERNS[name](), tmp_path, in_graph=False)


def varied(**settings: str) -> QuantScheme:
    return get_scheme("w8a8").model_copy(update={**settings, "name": "_".join(settings.values())})


SCHEMES: dict[str, str | QuantScheme] = {
    "w4a8": "w4a8",
    "both_learned": varied(weight_ranges="learned_step", activation_ranges="learned_step"),
    **dict.fromkeys(("w2a8", "w3a8", "ternary_a8", "binary_a8", "pow2_a8", "apot_a8", "codebook_a8")),
    "least_squares": varied(weight_ranges="least_squares"),
    "power_of_two_step": varied(weight_ranges="power_of_two_step"),
    "clipped": varied(activation_ranges="clipped"),
    "soft": varied(activation_ranges="soft"),
}
FAST_SCHEMES = ("w4a8", "both_learned")


def kernels_of_every_kind() -> tf_keras.Model:
    """Convolutions, and dense layers of both depths, even and odd, of which XNNPACK leaves one to others at 4 bits."""
    return models.model_of(
        models.chain(
            layers.Conv2D(6, 3, padding="same", name="one"),
            layers.ReLU(),
            layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise"),
            layers.ReLU(6.0),
            layers.Conv2D(5, 3, name="two"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(8, name="of_odd_depth"),
            layers.ReLU(),
            layers.Dense(33, name="of_even_depth"),
        )
    )


def moved_steps(qat: tf_keras.Model) -> None:
    """As training leaves what it learns of ranges: not where calibration put it."""
    random = np.random.default_rng(0)
    for weight in qat.trainable_weights:
        if any(part in weight.name for part in ("factor", "offset", "log2")):
            weight.assign(weight * random.uniform(0.8, 1.2, weight.shape))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in FAST_SCHEMES else pytest.mark.slow) for name in SCHEMES]
)
def test_few_bits_and_learned_steps_compute_what_their_files_do(name: str, tmp_path: Path) -> None:
    assert_equal_to_the_file(
        kernels_of_every_kind(), tmp_path, scheme=SCHEMES[name] or name, in_graph=False, change=moved_steps
    )


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
@pytest.mark.parametrize("name", [name for name in PATTERNS if name not in (*FAST, *FAST_PARTS)])
def test_every_pattern_but_comparisons(name: str, tmp_path: Path) -> None:
    try:
        assert_equal_to_the_file(PATTERNS[name](), tmp_path, in_graph=False)
    except SchemeError as error:
        if not any(f"as {op} it has no integer forward pass" in str(error) for op in REFUSED):
            raise
        pytest.skip(f"refused: {str(error).splitlines()[1].strip()}")


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


def test_what_is_not_covered_is_refused_by_name() -> None:
    wishes = {"scheme": "w8a16", "forward": "integer", "kernel_set": "xnnpack"}
    with pytest.raises(SchemeError, match=r"'conv2d\w*' \(Conv2D\): RangeQuantizer with 16 bits has no integer"):
        simulate(prepare(PATTERNS["conv_linear"]()), [], **wishes)
    summed = models.model_of(lambda image: Reduce("sum", axes=[1, 2], name="sum")(image))
    with pytest.raises(SchemeError, match=r"'sum' \(Reduce\): the reference kernel reads signed codes as unsigned"):
        simulate(prepare(summed), [], forward="integer", kernel_set="reference")
