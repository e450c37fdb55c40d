"""A quantizer placed by hand: by itself in Keras, saved, through TensorFlow's converter, and in training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tf_keras import layers

from qat_kit.convert.job import Job
from qat_kit.convert.worker import run
from qat_kit.datasets import Split
from qat_kit.errors import SchemeError, SettingsError, UnsupportedLayerError
from qat_kit.layers import FakeQuantize
from qat_kit.litert.model_file import read_model
from qat_kit.numerics import TensorSpec, choose_qparams, fake_quantize
from qat_kit.prepare import prepare
from qat_kit.qat import train
from qat_kit.results import QatModel
from qat_kit.schemes import get_scheme
from qat_kit.simulation import export_simulated, simulate, trained_tensors
from qat_kit.simulation.walk import quantized_layers
from qat_kit.training import TrainingSettings, loss_for
from qat_kit.verify import verify
from tests.support import models
from tests.support.conversion import converted
from tests.support.models import IMAGE, chain, conv, model_of


def test_a_fixed_range_is_numerics_and_its_gradient_ends_with_it() -> None:
    layer = FakeQuantize(range_source="fixed", minimum=-1.0, maximum=3.0)
    params = choose_qparams(-1.0, 3.0, TensorSpec())
    steps = np.arange(-150, 350) + np.random.default_rng(0).uniform(-0.45, 0.45, 500)
    values = tf.constant((steps * float(params.scale)).astype(np.float32))
    with tf.GradientTape() as tape:
        tape.watch(values)
        outputs = layer(values)
    np.testing.assert_allclose(outputs, fake_quantize(values.numpy(), params), atol=0.02)
    np.testing.assert_array_equal(
        np.rint(outputs / params.scale), np.rint(fake_quantize(values.numpy(), params) / params.scale)
    )
    inside = (values.numpy() >= params.minimum) & (values.numpy() <= params.maximum)
    np.testing.assert_array_equal(tape.gradient(outputs, values), inside.astype(np.float32))


def test_a_calibrated_range_passes_values_until_it_has_seen_data() -> None:
    layer = FakeQuantize()
    values = tf.constant([[0.123, -0.456, 9.0]])
    np.testing.assert_array_equal(layer(values), values)
    layer.adapt([-0.5, 2.0])
    assert float(tf.reduce_max(layer(values))) == pytest.approx(2.0, rel=0.01)
    assert [weight.trainable for weight in layer.weights] == [False, False]
    wide = FakeQuantize(num_bits=16)
    wide.adapt([-0.5, 2.0])
    assert [float(end) for end in wide.ends] == [-2.0, 2.0]
    with pytest.raises(SettingsError, match="does not adapt"):
        FakeQuantize(range_source="fixed", minimum=0.0, maximum=1.0).adapt([1.0])


def test_a_learned_range_learns_in_plain_keras() -> None:
    image = tf_keras.Input((4,))
    layer = FakeQuantize(range_source="learned")
    model = tf_keras.Model(image, layer(image))
    layer.adapt([0.0, 1.0])
    model.compile(tf_keras.optimizers.Adam(0.05), "mse")
    data = np.random.default_rng(0).uniform(0, 4, (64, 4)).astype(np.float32)
    model.fit(data, data, epochs=20, verbose=0)
    assert float(layer.ends[1]) > 2.0


@pytest.mark.parametrize(
    "options",
    [
        {"range_source": "guessed"},
        {"num_bits": 4},
        {"range_source": "fixed"},
        {"range_source": "fixed", "minimum": 1.0, "maximum": 2.0},
        {"range_source": "fixed", "minimum": 0.0, "maximum": 0.0},
        {"range_source": "learned", "minimum": 0.0, "maximum": 1.0},
    ],
)
def test_contradictions_are_refused_with_the_layers_name(options: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="layer 'mine'"):
        FakeQuantize(name="mine", **options)


@pytest.mark.parametrize(
    "layer", [FakeQuantize(range_source="fixed", minimum=-1.0, maximum=3.0), FakeQuantize(range_source="learned")]
)
def test_it_is_saved_and_loaded(layer: FakeQuantize, tmp_path: Path) -> None:
    image = tf_keras.Input((4,))
    layer = FakeQuantize.from_config(layer.get_config())
    model = tf_keras.Model(image, layer(image))
    if layer.range_source != "fixed":
        layer.adapt([-2.0, 5.0])
    model.save(tmp_path / "model.keras")
    again = tf_keras.models.load_model(tmp_path / "model.keras")
    values = np.linspace(-3, 6, 40, dtype=np.float32).reshape(10, 4)
    np.testing.assert_array_equal(model.predict_on_batch(values), again.predict_on_batch(values))


def test_through_tensorflows_converter_it_is_one_quantizer() -> None:
    layers_ = [FakeQuantize(range_source="fixed", minimum=-1.0, maximum=3.0) for _ in range(2)]
    model = converted(lambda value: layers_[1](tf.nn.relu6(layers_[0](value)) - 1.0), [1, 4])
    scales = {float(tensor.scale[0]) for tensor in model.subgraphs[0].tensors if tensor.scale.size}
    assert np.float32(4 / 255) in {np.float32(scale) for scale in scales}


# -------------------------------------------------------------------------------------------- in training


def by_hand(**options: Any) -> tf_keras.Model:
    parts = [conv(name="one"), FakeQuantize(name="mine", **options), layers.ReLU(name="relu"), conv(4, name="two")]
    return model_of(chain(*parts))


def quantizers(qat: QatModel) -> dict[str, str]:
    return {
        layer.name: type(layer.quantize_config.output_quantizer).__name__
        for layer in quantized_layers(qat.model)
        if layer.quantize_config.quantizes_output
    }


def simulated(model: tf_keras.Model, scheme: str = "w8a8", **ways: Any) -> QatModel:
    method = get_scheme(scheme).trained_by(**ways)
    return simulate(prepare(model), [models.samples(model, 16)], scheme=method, target="litert_builtin")


def test_it_adds_no_quantizer_to_those_that_there_are() -> None:
    plain = quantizers(simulated(model_of(chain(conv(name="one"), layers.ReLU(name="relu"), conv(4, name="two")))))
    assert quantizers(simulated(by_hand())) == plain


@pytest.mark.parametrize(
    ("source", "kind"),
    [("calibrated", "RangeQuantizer"), ("learned", "LearnedStepQuantizer"), ("fixed", "RangeQuantizer")],
)
def test_the_layer_says_where_the_range_comes_from_whatever_the_scheme_says(source: str, kind: str) -> None:
    fixed = {"minimum": -2.0, "maximum": 6.0} if source == "fixed" else {}
    other = "measured" if source == "learned" else "learned_step"
    qat = simulated(by_hand(range_source=source, **fixed), activation_ranges=other)
    found = quantizers(qat)
    assert found.pop("relu") == kind
    assert set(found.values()) == {"RangeQuantizer" if other == "measured" else "LearnedStepQuantizer"}
    if source == "fixed":
        expected = choose_qparams(-2.0, 6.0, TensorSpec())
        assert trained_tensors(qat.model).outputs["relu"].scale == (float(expected.scale),)


@pytest.mark.parametrize("source", ["learned", "fixed"])
def test_trained_it_exports_as_exactly_one_quantizer(source: str, tmp_path: Path) -> None:
    fixed = {"minimum": -2.0, "maximum": 6.0} if source == "fixed" else {}
    model = by_hand(range_source=source, **fixed)
    qat = simulated(model)
    (inputs,) = models.samples(model, 16)
    split = Split(inputs=(inputs,), labels=np.zeros((16, 8, 8, 4), np.float32))
    before = trained_tensors(qat.model).outputs["relu"]
    settings = TrainingSettings(epochs=2, batch_size=8, learning_rate=0.05)
    train(qat, split, calibration=[(inputs,)], loss=loss_for("regression", "values"), settings=settings)
    trained = trained_tensors(qat.model)
    assert (trained.outputs["relu"] == before) is (source == "fixed")
    source_folder = export_simulated(qat.model, tmp_path / "saved_model")
    output = tmp_path / "out.tflite"
    run(
        Job(
            saved_model=source_folder,
            output=output,
            mode="int8_from_qat",
            trained=trained.save(tmp_path / "tensors.json"),
        )
    )
    certificate = verify(output, expected=trained, target="litert_builtin")
    assert certificate.passed, [finding.line for finding in certificate.findings]
    assert [operator.op for operator in read_model(output).subgraphs[0].operators] == ["CONV_2D", "CONV_2D"]


def test_what_contradicts_the_scheme_or_another_layer_is_refused() -> None:
    with pytest.raises(
        SchemeError, match=r"layer 'mine' \(FakeQuantize\) has 16 bits, and the scheme's activations have 8"
    ):
        simulated(by_hand(num_bits=16))
    image = tf_keras.Input(IMAGE, name="image")
    left = FakeQuantize(name="left", range_source="fixed", minimum=-1.0, maximum=1.0)(conv(name="one")(image))
    right = FakeQuantize(name="right")(conv(name="two")(image))
    model = models.randomized(tf_keras.Model(image, layers.Concatenate()([left, right])))
    with pytest.raises(UnsupportedLayerError, match=r"'right'.*layer 'left', which says otherwise"):
        simulated(model)
    soft = model_of(chain(conv(name="one"), layers.Softmax(), FakeQuantize(name="mine", range_source="learned")))
    with pytest.raises(UnsupportedLayerError, match=r"'mine'.*The specification fixes"):
        simulated(soft)
