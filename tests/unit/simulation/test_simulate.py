"""The simulated model: calibrated by hand-worked ranges, every kernel quantized, saved and loaded to the bit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import tf_keras
from tf_keras import layers

from qat_kit.errors import NumericsError, SchemeError, UnsupportedLayerError
from qat_kit.keras_models import load_model, save_model
from qat_kit.numerics import TensorSpec, choose_qparams, fake_quantize
from qat_kit.prepare import prepare
from qat_kit.results import PreparedModel
from qat_kit.schemes import Rule, get_scheme
from qat_kit.simulation import Calibrator, build_simulated, simulate, trained_tensors
from qat_kit.simulation.quantizers import PactQuantizer, read_params
from qat_kit.simulation.walk import quantized_layers
from tests.support import models
from tests.support.models import IMAGE, SEQUENCE, VECTOR, chain, conv, model_of

Batches = Iterable[list[np.ndarray]]


def simulated(model: tf_keras.Model, batches: Batches | None = None) -> tf_keras.Model:
    return simulate(prepare(model), batches or [models.samples(model, 16)]).model


def range_of(model: tf_keras.Model, layer: str) -> tuple[float, float]:
    """The range that a layer's quantizer covers, in whole steps."""
    params = read_params(model.get_layer(layer).output_range)
    return float(params.minimum), float(params.maximum)


# -------------------------------------------------------------------------------------------- calibration


def identity_model(*parts: layers.Layer) -> tf_keras.Model:
    """A dense layer that multiplies by 2, and what follows."""
    image = tf_keras.Input((2,), name="image")
    dense = layers.Dense(2, name="double")
    model = tf_keras.Model(image, chain(dense, *parts)(image))
    dense.set_weights([2 * np.eye(2), np.zeros(2)])
    return model


def test_ranges_are_the_smallest_and_largest_value_over_all_batches() -> None:
    batches = [[np.array([[-1.0, 2.0]], np.float32)], [np.array([[0.5, 3.0], [-1.5, 0.0]], np.float32)]]
    model = simulated(identity_model(), batches)
    for layer, low, high in (("quantize_image", -1.5, 3.0), ("double", -3.0, 6.0)):
        expected = choose_qparams(low, high, TensorSpec())
        params = read_params(model.get_layer(layer).output_range)
        assert params.scale == expected.scale
        assert params.zero_point == expected.zero_point


def test_a_fused_activation_is_measured_behind_itself() -> None:
    model = simulated(identity_model(layers.ReLU(name="relu")), [[np.array([[-4.0, 1.0]], np.float32)]])
    assert range_of(model, "relu") == (0.0, pytest.approx(2.0))
    assert not model.get_layer("double").quantize_config.quantizes_output


def test_calibration_sees_quantized_weights_and_real_activations() -> None:
    model = identity_model()
    # 0.004 is a quarter step of the channel whose largest weight is 2: it falls to 0 where weights are quantized.
    model.get_layer("double").set_weights([np.array([[2.0, 0.0], [0.004, 2.0]]), np.zeros(2)])
    result = simulated(model, [[np.array([[1.0, 100.0]], np.float32)]])
    params = read_params(result.get_layer("double").output_range)
    assert params.scale == np.float32(200 / 255)
    # 1.003 is not on the input's grid of 100/255, and still doubles to 2.006.
    result = simulated(identity_model(), [[np.array([[1.003, -1.003]], np.float32)]])
    assert range_of(result, "double")[1] == pytest.approx(2.006, abs=0.01)


def test_layers_of_one_group_share_one_range_over_all_of_them() -> None:
    image = tf_keras.Input((2,), name="image")
    small, large = layers.Dense(2, name="small", use_bias=False), layers.Dense(2, name="large", use_bias=False)
    model = tf_keras.Model(image, layers.Concatenate(name="join")([small(image), large(image)]))
    small.set_weights([np.diag([1.0, 0.1])])
    large.set_weights([np.diag([-0.5, 8.0])])
    result = simulated(model, [[np.array([[2.0, 1.0]], np.float32)]])
    assert range_of(result, "small") == range_of(result, "large")
    expected = choose_qparams(-1.0, 8.0, TensorSpec())
    assert read_params(result.get_layer("small").output_range).scale == expected.scale


def test_fixed_ranges_do_not_follow_the_data() -> None:
    model = simulated(identity_model(layers.Activation("tanh", name="tanh")), [[np.full((1, 2), 0.01, np.float32)]])
    params = read_params(model.get_layer("tanh").output_range)
    assert (params.scale, params.zero_point) == (np.float32(1 / 128), 0)


def test_calibrating_again_forgets_what_was_before() -> None:
    model = identity_model()
    result = simulated(model, [[np.array([[9.0, -9.0]], np.float32)]])
    Calibrator(result)([[np.array([[1.0, 0.0]], np.float32)]])
    assert range_of(result, "double") == (0.0, pytest.approx(2.0))


def test_calibration_is_the_same_however_samples_are_batched() -> None:
    model = models.PATTERNS["add_relu"]()
    (array,) = models.samples(model, 16)
    one, many = simulated(model, [[array]]), simulated(model, [[array[:3]], [array[3:10]], [array[10:]]])
    assert trained_tensors(one).outputs.keys() == trained_tensors(many).outputs.keys()
    for name, tensor in trained_tensors(one).outputs.items():
        assert trained_tensors(many).outputs[name].scale == pytest.approx(tensor.scale, rel=1e-6)


@pytest.mark.parametrize("estimator", ["min_max", "sigma"])
def test_estimators_are_chosen_by_name(estimator: str) -> None:
    (array,) = models.samples(identity_model(), 200)
    array[0, 0] = 40.0  # an outlier, which only min-max heeds
    model = simulate(prepare(identity_model()), [[array]], estimator=estimator).model
    assert (range_of(model, "quantize_image")[1] > 39.0) is (estimator == "min_max")


def test_nan_in_calibration_data_is_refused() -> None:
    with pytest.raises(NumericsError, match=r"NaN|finite"):
        simulated(identity_model(), [[np.array([[np.nan, 1.0]], np.float32)]])


def test_an_uncalibrated_model_answers_nan() -> None:
    model = models.PATTERNS["conv_relu"]()
    answers = models.outputs_of(build_simulated(prepare(model)), models.samples(model, 2))
    assert np.isnan(answers[0]).all()


# -------------------------------------------------------------------------------------------- forward

KERNELS = {
    "Conv1D": (lambda **more: layers.Conv1D(5, 3, name="x", **more), SEQUENCE),
    "Conv2D": (lambda **more: layers.Conv2D(5, 3, name="x", **more), IMAGE),
    "Conv2D in groups": (lambda **more: layers.Conv2D(6, 3, groups=2, name="x", **more), IMAGE),
    "DepthwiseConv1D": (lambda **more: layers.DepthwiseConv1D(3, name="x", **more), SEQUENCE),
    "DepthwiseConv2D": (lambda **more: layers.DepthwiseConv2D(3, depth_multiplier=2, name="x", **more), IMAGE),
    "SeparableConv2D": (lambda **more: layers.SeparableConv2D(5, 3, name="x", **more), IMAGE),
    "Conv2DTranspose": (lambda **more: layers.Conv2DTranspose(5, 3, name="x", **more), IMAGE),
    "Dense": (lambda **more: layers.Dense(5, name="x", **more), VECTOR),
}
FORMS = {
    "linear": ({}, []),
    "argument": ({"activation": "relu"}, []),
    "separate": ({}, [lambda: layers.ReLU()]),
    "behind dropout": ({}, [lambda: layers.Dropout(0.5), lambda: layers.ReLU()]),
    "batch norm": ({"use_bias": False}, [lambda: layers.BatchNormalization(), lambda: layers.ReLU()]),
    "leaky": ({}, [lambda: layers.LeakyReLU(0.1)]),
    "sigmoid": ({"activation": "sigmoid"}, []),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KERNELS)
def test_every_kernel_is_quantized_in_every_form(kind: str, form: str) -> None:
    """Also before a separate ReLU, where tfmot leaves it out: replacing each kernel by its grid changes nothing."""
    make, shape = KERNELS[kind]
    arguments, following = FORMS[form]
    model = model_of(chain(make(**arguments), *(part() for part in following)), shape)
    qat = simulated(model)
    inputs = models.samples(model, 4, seed=3)
    before = models.outputs_of(qat, inputs)
    kernels = 0
    for layer in quantized_layers(qat):
        if layer.quantize_config.kernel:
            kernel = getattr(layer.layer, layer.quantize_config.kernel)
            on_grid = layer.quantized_kernel().numpy()
            # Off its grid by a visible amount: else the rest shows nothing.
            assert np.max(np.abs(on_grid - kernel.numpy())) > 1e-4 * np.max(np.abs(on_grid))
            kernel.assign(on_grid)
            kernels += 1
    assert kernels == (2 if kind.startswith("Separable") else 1)
    for first, second in zip(before, models.outputs_of(qat, inputs), strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)


def test_depthwise_kernels_have_a_scale_for_each_channel_and_multiplier() -> None:
    model = model_of(layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise"))
    kernel, bias = model.get_layer("depthwise").get_weights()
    kernel *= 10.0 ** np.arange(-3, 5).reshape(4, 2)
    model.get_layer("depthwise").set_weights([kernel, bias])
    record = trained_tensors(simulated(model)).weights["depthwise"]
    expected = np.abs(kernel).max(axis=(0, 1)).reshape(-1).astype(np.float64) / 127
    np.testing.assert_array_equal(np.float32(record.scale), expected.astype(np.float32))


def test_the_simulated_dense_layer_is_numerics_worked_through() -> None:
    model = model_of(layers.Dense(3, name="dense"), VECTOR)
    qat = simulated(model)
    (array,) = models.samples(model, 50, seed=9)
    kernel, bias = model.get_layer("dense").get_weights()
    params = {name: read_params(qat.get_layer(name).output_range) for name in ("quantize_image", "dense")}
    inputs = fake_quantize(array, params["quantize_image"])
    largest = np.abs(kernel).max(axis=0)
    spec = TensorSpec(symmetric=True, narrow_range=True, granularity="per_axis")
    on_grid = fake_quantize(kernel, choose_qparams(-largest, largest, spec, axis=1))
    sums = inputs.astype(np.float64) @ on_grid.astype(np.float64) + bias
    steps = np.abs(models.outputs_of(qat, [array])[0] - fake_quantize(sums, params["dense"])) / params["dense"].scale
    assert steps.max() < 0.01


def test_weights_and_layers_keep_their_names() -> None:
    model = models.PATTERNS["unet"]()
    prepared = prepare(model)
    qat = simulate(prepared, [models.samples(model, 4)])
    for layer in prepared.model.layers[1:]:
        wrapped = qat.model.get_layer(layer.name).layer
        for mine, theirs in zip(wrapped.get_weights(), layer.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    assert qat.origins == prepared.origins
    assert qat.scheme.name == "w8a8"


def test_ranges_are_no_trainable_weights() -> None:
    qat = simulated(models.PATTERNS["conv_bn_relu6"]())
    assert [weight.name.rpartition("/")[2] for weight in qat.trainable_weights] == ["kernel:0", "bias:0"]
    assert len(qat.non_trainable_weights) == 4
    assert len(qat.weights) == 6


def test_dropout_works_in_training_alone() -> None:
    model = model_of(chain(layers.Dense(64, name="dense"), layers.Dropout(0.5)), VECTOR)
    qat = simulated(model)
    (array,) = models.samples(model, 4)
    assert np.mean(np.asarray(qat(array, training=True)) == 0) > 0.3
    assert np.mean(np.asarray(qat(array, training=False)) == 0) < 0.1


# -------------------------------------------------------------------------------------------- saving

_RELOAD = """
import sys
import numpy as np
from pathlib import Path
from qat_kit.keras_models import load_model

folder = Path(sys.argv[1])
for path in sorted(folder.glob("*.keras")):
    model = load_model(path)
    with np.load(path.with_suffix(".npz")) as stored:
        inputs = [stored[f"input{index}"] for index in range(len(model.inputs))]
        outputs = model(inputs[0] if len(inputs) == 1 else inputs, training=False)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        for index, output in enumerate(outputs):
            np.testing.assert_array_equal(np.asarray(output), stored[f"output{index}"])
        for index, weight in enumerate(model.get_weights()):
            np.testing.assert_array_equal(weight, stored[f"weight{index}"])
print("the same", len(list(folder.glob("*.keras"))))
"""
SAVED = ["conv_bn_relu6", "depthwise_multiplier", "conv_prelu", "unet", "two_inputs", "two_outputs", "conv_softmax"]
INTEGER_SAVED = ["unet", "conv_softmax"]


def test_saved_and_loaded_in_a_fresh_process_it_answers_the_same_to_the_bit(tmp_path: Path) -> None:
    for name in [*SAVED, *(f"{pattern} in integers" for pattern in INTEGER_SAVED)]:
        pattern, _, integers = name.partition(" in ")
        model = models.PATTERNS[pattern]()
        forward = {"forward": "integer", "kernel_set": "builtin"} if integers else {}
        qat = simulate(prepare(model), [models.samples(model, 16)], **forward).model
        inputs = models.samples(model, 8, seed=4)
        save_model(qat, tmp_path / f"{name}.keras")
        np.savez(
            tmp_path / f"{name}.npz",
            **{f"input{index}": array for index, array in enumerate(inputs)},
            **{f"output{index}": array for index, array in enumerate(models.outputs_of(qat, inputs))},
            **{f"weight{index}": array for index, array in enumerate(qat.get_weights())},
        )
    result = subprocess.run([sys.executable, "-c", _RELOAD, str(tmp_path)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stdout.strip() == f"the same {len(SAVED) + len(INTEGER_SAVED)}"


def test_a_loaded_model_exports_the_same_record(tmp_path: Path) -> None:
    qat = simulated(models.PATTERNS["squeeze_and_excite"]())
    save_model(qat, tmp_path / "qat.keras")
    assert trained_tensors(load_model(tmp_path / "qat.keras")) == trained_tensors(qat)


# -------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("scheme", ["fp16", "w8_dynamic", "w4_weight_only", "w8a8_unsigned"])
def test_a_scheme_that_cannot_be_trained_is_refused_before_training(scheme: str) -> None:
    with pytest.raises(SchemeError, match=rf"'{scheme}' cannot be trained"):
        simulate(prepare(models.PATTERNS["conv_relu"]()), [], scheme=scheme)


def test_a_rule_for_one_layer_that_cannot_be_trained_names_the_layer() -> None:
    prepared = prepare(model_of(chain(conv(name="before"), conv(name="conv"))))
    with pytest.raises(SchemeError, match=r"layer 'conv'"):
        simulate(prepared, [], scheme=get_scheme("w8a8").with_rules(Rule(path="conv", use="fp16"), name="own"))
    with pytest.raises(SchemeError, match=r"different bits: 8 for 'before', 16 for 'conv'"):
        simulate(prepared, [], scheme=get_scheme("w8a8").with_rules(Rule(path="conv", use="w8a16"), name="own"))


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "tanh"])
def test_what_the_converter_does_not_write_in_16_bits_is_refused_before_training(activation: str) -> None:
    prepared = prepare(model_of(chain(conv(name="conv"), layers.Activation(activation, name="end"))))
    with pytest.raises(SchemeError, match=r"16-bit \w+ \(layer 'end'\).*logits"):
        simulate(prepared, [], scheme="w8a16", target="litert_builtin")


# -------------------------------------------------------------------------------------------- schemes


def weight_bits(model: tf_keras.Model) -> dict[str, int]:
    return {
        layer.name: layer.quantize_config.weight_quantizer.num_bits
        for layer in quantized_layers(model)
        if layer.quantize_config.weight_quantizer
    }


def test_the_first_and_the_last_layer_keep_8_bits() -> None:
    """The last ones here are two: each is the last before an output."""
    image = tf_keras.Input(IMAGE, name="image")
    body = conv(name="body")(layers.ReLU()(conv(name="first")(image)))
    outputs = [conv(name="left")(body), layers.ReLU()(conv(name="right")(body))]
    model = models.randomized(tf_keras.Model(image, outputs))
    qat = simulate(prepare(model), [models.samples(model, 4)], scheme="w2a8").model
    assert weight_bits(qat) == {"first": 8, "body": 2, "left": 8, "right": 8}


def test_a_rule_speaks_before_that_of_the_ends() -> None:
    model = model_of(chain(conv(name="first"), conv(name="body"), conv(name="last")))
    scheme = get_scheme("w2a8").with_rules(Rule(path="last", use="w4a8"), name="own")
    assert weight_bits(simulate(prepare(model), [models.samples(model, 4)], scheme=scheme).model) == {
        "first": 8,
        "body": 2,
        "last": 4,
    }


def test_a_range_of_several_tensors_is_measured_where_the_others_are_learned() -> None:
    image = tf_keras.Input(IMAGE, name="image")
    joined = layers.Concatenate()([conv(name="one")(image), conv(name="two")(image)])
    model = models.randomized(tf_keras.Model(image, conv(name="three")(joined)))
    scheme = get_scheme("w8a8").trained_by(activation_ranges="learned_step")
    qat = simulate(prepare(model), [models.samples(model, 4)], scheme=scheme).model
    kinds = {
        layer.name: type(layer.quantize_config.output_quantizer).__name__
        for layer in quantized_layers(qat)
        if layer.quantize_config.quantizes_output
    }
    assert kinds == {
        "quantize_image": "LearnedStepQuantizer",
        "one": "RangeQuantizer",
        "two": "RangeQuantizer",
        "three": "LearnedStepQuantizer",
    }


def test_a_clip_is_learned_behind_a_relu_alone() -> None:
    model = model_of(chain(conv(name="one"), layers.ReLU(name="relu"), conv(name="two")))
    scheme = get_scheme("w8a8").trained_by(activation_ranges="clipped")
    qat = simulate(prepare(model), [models.samples(model, 4)], scheme=scheme).model
    clipped = [
        layer.name
        for layer in quantized_layers(qat)
        if isinstance(layer.quantize_config.output_quantizer, PactQuantizer)
    ]
    assert clipped == ["relu"]


def test_calibrating_again_leaves_what_is_learned_and_what_is_frozen() -> None:
    model = model_of(chain(conv(name="one"), layers.ReLU(name="relu"), conv(name="two")))
    (array,) = models.samples(model, 4)
    for scheme, moves in (
        (get_scheme("w8a8"), {"quantize_image", "two"}),
        (get_scheme("w8a8").trained_by(activation_ranges="learned_step"), set()),
        (get_scheme("w8a8").trained_by(activation_ranges="clipped"), {"quantize_image", "two"}),
    ):
        qat = simulate(prepare(model), [[array]], scheme=scheme).model
        qat.get_layer("relu").trainable = False
        before = trained_tensors(qat).outputs
        Calibrator(qat)([[array * 2]], again=True)
        after = trained_tensors(qat).outputs
        names = {"image": "quantize_image"}
        assert {names.get(name, name) for name in after if after[name] != before[name]} == moves


@pytest.mark.parametrize("scheme", ["w8a8", "w4a8", "codebook_a8"])
def test_a_frozen_layer_really_is(scheme: str) -> None:
    model = model_of(chain(conv(name="one"), layers.ReLU(name="relu"), conv(name="two")))
    (array,) = models.samples(model, 8)
    method = get_scheme(scheme).trained_by(activation_ranges="learned_step")
    qat = simulate(prepare(model), [[array]], scheme=method).model
    frozen = [qat.get_layer(name) for name in ("one", "relu")]
    for layer in frozen:
        layer.trainable = False
    before = [weight.numpy() for layer in frozen for weight in layer.weights]
    others = [weight.numpy() for weight in qat.get_layer("two").weights]
    qat.compile(tf_keras.optimizers.Adam(0.1), "mse")
    qat.fit(array, np.zeros((8, *qat.output_shape[1:]), np.float32), epochs=2, verbose=0)
    Calibrator(qat)([[array * 3]], again=True)
    after = [weight.numpy() for layer in frozen for weight in layer.weights]
    assert all(np.array_equal(one, two) for one, two in zip(before, after, strict=True))
    moved = [weight.numpy() for weight in qat.get_layer("two").weights]
    assert not all(np.array_equal(one, two) for one, two in zip(others, moved, strict=True))


def test_an_unsupported_layer_is_named_before_anything_is_built() -> None:
    model = model_of(chain(conv(4), layers.LocallyConnected2D(2, 3, name="own")))
    with pytest.raises(UnsupportedLayerError, match=r"'own' \(LocallyConnected2D\)"):
        simulate(prepare(model), [])


def test_a_layer_called_like_an_input_quantizer_keeps_its_name() -> None:
    model = model_of(conv(4, name="quantize_image"))
    qat = simulated(model)
    assert {layer.name for layer in qat.layers} == {"image", "quantize_image_1", "quantize_image"}
    assert set(trained_tensors(qat).outputs) == {"image", "quantize_image"}


def test_prepared_models_are_not_changed() -> None:
    prepared: PreparedModel = prepare(models.PATTERNS["conv_relu"]())
    before = prepared.model.get_weights()
    simulate(prepared, [models.samples(prepared.model, 2)])
    for old, new in zip(before, prepared.model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
