"""Where quantizers stand, by hand: fused activations, groups of one scale, fixed outputs, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import tf_keras
from tf_keras import layers

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare import prepare
from qat_kit.prepare.reading import read_graph
from qat_kit.simulation.placement import Placement, describe, place
from tests.support import models
from tests.support.models import IMAGE, VECTOR, chain, conv, model_of


def placed(model: tf_keras.Model) -> dict[str, Placement]:
    return place(read_graph(prepare(model).model))


def quantized(model: tf_keras.Model) -> list[str]:
    return [name for name, placement in placed(model).items() if placement.quantizes_output]


def groups(model: tf_keras.Model) -> list[set[str]]:
    """Layers by group, alone ones left out."""
    members: dict[str, set[str]] = {}
    for name, placement in placed(model).items():
        members.setdefault(placement.group, set()).add(name)
    return [group for group in members.values() if len(group) > 1]


NAMED: dict[str, Callable[[str], layers.Layer]] = {
    "relu": lambda name: layers.ReLU(name=name),
    "relu6": lambda name: layers.ReLU(6.0, name=name),
    "leaky": lambda name: layers.LeakyReLU(0.1, name=name),
    "sigmoid": lambda name: layers.Activation("sigmoid", name=name),
    "drop": lambda name: layers.Dropout(0.5, name=name),
    "noise": lambda name: layers.GaussianNoise(0.5, name=name),
    "conv": lambda name: conv(4, name=name),
    "max": lambda name: layers.MaxPooling2D(name=name),
    "average": lambda name: layers.AveragePooling2D(name=name),
    "mean": lambda name: layers.GlobalAveragePooling2D(keepdims=True, name=name),
    "pad": lambda name: layers.ZeroPadding2D(name=name),
    "crop": lambda name: layers.Cropping2D(name=name),
    "flat": lambda name: layers.Flatten(name=name),
    "reshape": lambda name: layers.Reshape((8, 4, 8), name=name),
    "permute": lambda name: layers.Permute((2, 1, 3), name=name),
    "nearest": lambda name: layers.UpSampling2D(name=name),
    "bilinear": lambda name: layers.UpSampling2D(interpolation="bilinear", name=name),
}


def line(names: str) -> tf_keras.Model:
    """A chain of the layers above by name; a number behind a name tells two of one kind apart."""
    return model_of(chain(*(NAMED[name.rstrip("0123456789")](name) for name in names.split())))


@pytest.mark.parametrize(
    ("chain_of", "expected"),
    [
        ("conv", "image conv"),
        ("conv relu", "image relu"),
        ("conv relu6", "image relu6"),
        ("conv leaky", "image conv leaky"),
        ("conv sigmoid", "image conv sigmoid"),
        ("conv relu relu62", "image relu relu62"),
        # What the file does not have does not part a convolution from its activation.
        ("conv drop relu", "image relu"),
        ("conv drop noise relu6 drop2", "image relu6"),
        ("conv drop sigmoid", "image conv sigmoid"),
        # Pools keep their input's scale and take an activation in; an average makes values between grid points.
        ("conv max", "image conv"),
        ("conv max relu", "image conv"),
        ("conv average", "image conv average"),
        ("conv average relu", "image conv relu"),
        ("max conv", "image conv"),
        # What moves values.
        ("conv pad crop nearest permute flat", "image conv"),
        ("conv bilinear", "image conv bilinear"),
        ("conv mean", "image conv mean"),
        # These take no activation in.
        ("conv pad relu", "image conv relu"),
        ("conv flat relu", "image conv relu"),
        ("conv mean relu", "image conv mean relu"),
        ("relu conv", "image relu conv"),
        ("drop relu conv", "image relu conv"),
    ],
)
def test_a_quantizer_stands_behind_every_operator_that_makes_values(chain_of: str, expected: str) -> None:
    assert quantized(line(chain_of)) == expected.split()


@pytest.mark.parametrize(
    ("chain_of", "expected"),
    [
        ("conv relu", [{"conv", "relu"}]),
        ("conv drop relu", [{"conv", "drop", "relu"}]),
        ("conv leaky", []),
        ("conv max relu", [{"conv", "max", "relu"}]),
        ("conv relu max flat", [{"conv", "relu", "max", "flat"}]),
        ("conv average", [{"conv", "average"}]),
        ("conv mean", []),
        ("max conv", [{"image", "max"}]),
        ("drop conv pad", [{"image", "drop"}, {"conv", "pad"}]),
    ],
)
def test_tensors_of_one_scale_form_one_group(chain_of: str, expected: list[set[str]]) -> None:
    assert groups(line(chain_of)) == expected


def test_a_concatenation_joins_the_groups_of_all_that_it_takes() -> None:
    def build(image: Any) -> Any:
        first = layers.ReLU(name="relu")(conv(4, name="first")(image))
        second = layers.MaxPooling2D(3, 1, "same", name="pool")(conv(4, name="second")(image))
        return conv(2, name="last")(layers.Concatenate(name="join")([first, second]))

    model = model_of(build)
    assert groups(model) == [{"first", "relu", "second", "pool", "join"}]
    assert set(quantized(model)) == {"image", "relu", "second", "last"}


def test_two_concatenations_of_one_tensor_form_one_group() -> None:
    """As in a DenseNet: the first tensor holds all of them together."""
    found = groups(models.PATTERNS["densenet"]())
    assert {"image", "first", "first_relu", "second", "second_relu", "join1", "join2"} in found


@pytest.mark.parametrize("kind", ["Maximum", "Minimum"])
def test_maximum_and_minimum_have_one_scale_and_make_no_values(kind: str) -> None:
    def build(image: Any) -> Any:
        return getattr(layers, kind)(name="joined")([conv(4, name="first")(image), conv(4, name="second")(image)])

    model = model_of(build)
    assert groups(model) == [{"first", "second", "joined"}]
    assert "joined" not in quantized(model)


@pytest.mark.parametrize("kind", ["Add", "Subtract", "Multiply"])
def test_arithmetic_has_a_scale_of_its_own_and_takes_an_activation_in(kind: str) -> None:
    def build(image: Any) -> Any:
        value = getattr(layers, kind)(name="joined")([conv(4, name="first")(image), conv(4, name="second")(image)])
        return layers.ReLU(name="relu")(value)

    model = model_of(build)
    assert groups(model) == [{"joined", "relu"}]
    assert set(quantized(model)) == {"image", "first", "second", "relu"}


def test_an_activation_behind_a_tensor_with_another_consumer_is_not_fused() -> None:
    model = models.PATTERNS["two_consumers"]()
    assert set(quantized(model)) == {"image", "shared", "relu", "leaky", "sum"}


def test_an_activation_behind_an_output_of_the_model_is_not_fused() -> None:
    assert quantized(models.returned_and_consumed()) == ["image", "middle", "relu"]


def test_a_dropout_that_something_else_reads_hides_the_convolution() -> None:
    def build(image: Any) -> Any:
        value = layers.Dropout(0.5, name="drop")(conv(4, name="conv")(image))
        return layers.Add(name="sum")([layers.ReLU(name="relu")(value), value])

    assert quantized(model_of(build)) == ["image", "conv", "relu", "sum"]


@pytest.mark.parametrize(
    ("activation", "scale", "zero_point"),
    [("sigmoid", 1 / 256, -128), ("softmax", 1 / 256, -128), ("tanh", 1 / 128, 0)],
)
def test_fixed_outputs_have_the_parameters_of_the_specification(activation: str, scale: float, zero_point: int) -> None:
    found = placed(model_of(chain(conv(4, activation=activation, name="conv"), layers.MaxPooling2D(name="pool"))))
    assert found[f"conv_{activation}"].fixed == (scale, zero_point)
    assert found["pool"].fixed == (scale, zero_point)
    assert found["conv"].fixed is None
    assert found["image"].fixed is None


@pytest.mark.parametrize("kind", ["Concatenate", "Maximum"])
def test_a_fixed_output_joined_with_another_scale_is_refused_by_name(kind: str) -> None:
    model = model_of(lambda x: getattr(layers, kind)()([conv(4, activation="sigmoid", name="gate")(x), x]))
    with pytest.raises(UnsupportedLayerError, match=r"'gate_sigmoid' \(LOGISTIC\).*fixed scale"):
        placed(model)


def test_fixed_outputs_of_one_scale_may_be_joined() -> None:
    placed(models.PATTERNS["concat_of_sigmoids"]())


# -------------------------------------------------------------------------------------------- refusals

REFUSED: dict[str, tuple[Callable[[], layers.Layer], tuple[int, ...], str]] = {
    "two slopes": (lambda: layers.ReLU(2.0, 0.5, name="x"), IMAGE, r"ReLU\(.*negative_slope=0.5"),
    "own weights": (lambda: layers.LocallyConnected2D(2, 3, name="x"), IMAGE, "LocallyConnected2D"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_quantized_is_refused_by_name_with_the_choices(case: str) -> None:
    make, shape, kind = REFUSED[case]
    with pytest.raises(UnsupportedLayerError, match=rf"layer 'x' \({kind}.*cannot be quantized\. \w+") as caught:
        placed(model_of(make(), shape))
    assert caught.value.layer == "x"


def test_a_subclass_of_a_known_layer_is_no_such_layer_but_what_its_call_computes() -> None:
    @tf_keras.utils.register_keras_serializable("tests")
    class OwnConvolution(layers.Conv2D):
        def call(self, inputs: Any) -> Any:
            return super().call(inputs) * 2

    with pytest.raises(UnsupportedLayerError, match=r"tf\.nn\.convolution"):
        placed(model_of(OwnConvolution(2, 3, name="own")))


def test_integer_inputs_are_refused_by_name() -> None:
    tokens = tf_keras.Input((4, 2), dtype="int32", name="tokens")
    model = tf_keras.Model(tokens, layers.Flatten()(tokens))
    with pytest.raises(UnsupportedLayerError, match=r"'tokens' \(Input of int32\).*float32"):
        place(read_graph(model))


# -------------------------------------------------------------------------------------------- description


def test_the_description_names_operators_as_the_target_knows_them() -> None:
    model = model_of(
        chain(
            layers.Conv2D(4, 3, strides=2, dilation_rate=1, name="conv"),
            layers.ReLU(name="relu"),
            layers.MaxPooling2D(2, strides=1, name="pool"),
            layers.Dropout(0.5, name="drop"),
            layers.Flatten(name="flat"),
            layers.Dense(3, name="dense"),
        )
    )
    described = {layer.path: layer for layer in describe(placed(model)).layers}
    assert [(layer.path, layer.op) for layer in described.values()] == [
        ("conv", "CONV_2D"),
        ("pool", "MAX_POOL_2D"),
        ("flat", "RESHAPE"),
        ("dense", "FULLY_CONNECTED"),
    ]
    assert described["conv"].strides == (2, 2)
    assert described["conv"].dilations == (1, 1)
    assert described["conv"].input_shapes == ((None, 8, 8, 4),)
    assert described["pool"].window == (2, 2)
    assert described["dense"].output_shapes == ((None, 3),)


def test_every_pattern_has_a_place_for_every_layer() -> None:
    for name, make in models.PATTERNS.items():
        placements = placed(make())
        assert all(placement.quantizes_output for placement in placements.values() if not placement.node.inputs), name
    assert quantized(model_of(layers.Dense(2, name="dense"), VECTOR)) == ["image", "dense"]
