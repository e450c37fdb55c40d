"""The integer forward pass within a model: what it refuses, how it trains, what its gradient is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tf_keras import layers

from qat_kit.errors import ModelError, SchemeError, SettingsError, UnknownNameError
from qat_kit.keras_models import load_model, save_model
from qat_kit.layers import FakeQuantize, Reduce
from qat_kit.prepare import prepare
from qat_kit.schemes import get_scheme
from qat_kit.simulation import build_simulated, fold_trained, simulate
from qat_kit.simulation.quantizers import read_params
from qat_kit.training.determinism import seed_random_layers
from tests.support import models
from tests.support.models import VECTOR, chain, conv, model_of

FORWARD = {"forward": "integer", "kernel_set": "xnnpack"}


def simulated(model: tf_keras.Model, **forward: Any) -> tf_keras.Model:
    return simulate(prepare(model), [models.samples(model, 64)], **forward).model


def gradients(model: tf_keras.Model, array: np.ndarray, *, training: bool = True) -> list[np.ndarray]:
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(model(array, training=training) ** 2)
    return [gradient.numpy() for gradient in tape.gradient(loss, model.trainable_variables)]


@pytest.mark.parametrize("kernel_set", ["reference", "builtin", "xnnpack"])
def test_the_gradient_is_that_of_the_fake_simulation(kernel_set: str) -> None:
    """Layer by layer the same rule, on values that differ by flips of single steps."""
    build = chain(
        conv(name="one"),
        layers.ReLU(6.0),
        layers.DepthwiseConv2D(3, name="two"),
        layers.LeakyReLU(0.1),
        layers.AveragePooling2D(),
        layers.Flatten(),
        layers.Dense(5, name="three"),
    )
    model = model_of(build)
    fake, integer = simulated(model), simulated(model, forward="integer", kernel_set=kernel_set)
    (array,) = models.samples(model, 64, seed=2)
    # They are not the same computation.
    assert np.any(np.asarray(fake(array)) != np.asarray(integer(array)))
    pairs = list(zip(gradients(fake, array), gradients(integer, array), strict=True))
    assert len(pairs) == 6
    for one, other in pairs:
        cosine = np.sum(one * other) / np.sqrt(np.sum(one**2) * np.sum(other**2))
        assert cosine > 0.999
        assert np.linalg.norm(other) / np.linalg.norm(one) == pytest.approx(1, abs=0.01)


def test_nothing_goes_back_where_codes_are_clipped_and_through_a_dead_relu() -> None:
    """By hand: units of 1·x + 0, of which one is clipped by its range, one dead, one negative."""
    image = tf_keras.Input((1,), name="image")
    dense = layers.Dense(3, name="dense")
    model = tf_keras.Model(image, layers.ReLU()(dense(image)))
    dense.set_weights([np.array([[1.0, 0.0, -1.0]]), np.array([0.0, 0.0, 0.0])])
    qat = simulate(prepare(model), [[np.array([[1.0]], np.float32)]], **FORWARD).model
    for value, passing in ((0.5, 1.0), (1.0, 1.0), (0.0, 0.0)):
        by_bias = gradients(qat, np.array([[value]], np.float32))[1]
        np.testing.assert_allclose(by_bias, [2 / 3 * value * passing, 0.0, 0.0], rtol=1e-2)
    qat.get_layer("dense").layer.bias.assign([5.0, 0.0, 0.0])
    np.testing.assert_array_equal(gradients(qat, np.array([[1.0]], np.float32))[1], [0.0, 0.0, 0.0])


def test_a_quantizer_placed_by_hand_is_passed() -> None:
    """It says where a range comes from; its own range, in which a fake quantizer would compute, plays no part."""
    build = chain(conv(name="one"), FakeQuantize(range_source="calibrated", name="by_hand"), layers.ReLU())
    model = model_of(build)
    integer = simulated(model, **FORWARD)
    model.get_layer("by_hand").adapt([-0.01, 0.01])
    (array,) = models.samples(model, 4)
    before = np.asarray(integer(array))
    for end in integer.get_layer("by_hand").layer.ends:
        end.assign(0.01)
    np.testing.assert_array_equal(integer(array), before)


def test_it_trains_with_dropout_between_a_layer_and_its_activation() -> None:
    build = chain(layers.Dense(16), layers.Dropout(0.3), layers.ReLU(), layers.Dropout(0.3), layers.Dense(1))
    model = model_of(build, VECTOR)
    qat = simulated(model, **FORWARD)
    (array,) = models.samples(model, 256, seed=7)
    target = np.maximum(array[:, :1], 0) - array[:, 1:2]
    qat.compile(optimizer=tf_keras.optimizers.Adam(0.01), loss="mse")
    history = qat.fit(array, target, epochs=6, verbose=0).history["loss"]
    assert history[-1] < 0.6 * history[0]


def test_noise_moves_that_share_of_the_codes_by_a_step_in_training_alone(tmp_path: Path) -> None:
    model = model_of(chain(layers.Dense(64, name="dense")), VECTOR)
    plain, noisy = (simulated(model, **FORWARD, rounding_noise=share) for share in (0.0, 0.25))
    (array,) = models.samples(model, 128, seed=3)
    scale = read_params(noisy.get_layer("dense").output_range).scale
    exact = np.asarray(plain(array, training=True))
    np.testing.assert_array_equal(noisy(array, training=False), exact)

    def moved(model: tf_keras.Model) -> np.ndarray:
        seed_random_layers(model, seed=3, epoch=5)
        return np.rint((np.asarray(model(array, training=True)) - exact) / scale)

    steps = moved(noisy)
    assert set(np.unique(steps)) == {-1, 0, 1}
    # Some of those at the ends of the range stay.
    assert np.mean(steps != 0) == pytest.approx(0.25, abs=0.02)
    assert abs(np.mean(steps)) < 0.02
    # The same seed, the same noise: in a loaded model too, and other noise in the next step.
    save_model(noisy, tmp_path / "noisy.keras")
    loaded = load_model(tmp_path / "noisy.keras")
    np.testing.assert_array_equal(moved(loaded), steps)
    assert np.any(np.rint((np.asarray(loaded(array, training=True)) - exact) / scale) != steps)
    assert len(loaded.weights) == len(plain.weights)


def test_every_layer_that_is_not_covered_is_named() -> None:
    model = model_of(chain(conv(name="one"), Reduce("sum", axes=[1], name="rows"), Reduce("sum", axes=[1], name="all")))
    with pytest.raises(SchemeError, match=r"(?s)'rows' \(Reduce\): the reference kernel.*'all'.*forward='fake'"):
        build_simulated(prepare(model), forward="integer", kernel_set="reference")


def test_what_learns_with_the_weights_gets_the_fake_simulations_gradient() -> None:
    """Steps and offsets of LSQ, clips of PACT, slopes of PReLU, and the kernel that two places share."""
    shared = layers.Conv2D(4, 3, padding="same", name="shared")

    def build(image: Any) -> Any:
        first = layers.ReLU()(layers.Conv2D(4, 1, name="one")(image))
        second = layers.PReLU(shared_axes=[1, 2], name="slopes")(shared(first))
        product = layers.Multiply()([second, shared(image)])
        return layers.Dense(3, name="head")(layers.GlobalAveragePooling2D()(layers.Add()([product, first])))

    model = model_of(build)
    (array,) = models.samples(model, 64, seed=2)
    for ranges in ("learned_step", "clipped", "soft"):
        scheme = get_scheme("w4a8").model_copy(
            update={"activation_ranges": ranges, "weight_ranges": "learned_step", "name": ranges}
        )
        fake, integer = simulated(model, scheme=scheme), simulated(model, scheme=scheme, **FORWARD)
        names = [weight.name for weight in integer.trainable_weights]
        assert any("slopes" in name for name in names)
        assert any("shared/kernel_step" in name for name in names)
        for name, one, other in zip(names, gradients(fake, array), gradients(integer, array), strict=True):
            # 0.01 at most without these two. A step's gradient is a sum of rounding errors, of which a flipped code
            # turns the sign (0.25). A soft stair's slope hangs on where within its step a value lies, and the integers'
            # lie elsewhere (0.14; the direction is the same to a cosine of 0.993).
            allowed = 0.25 if "output_step" in name or "output_offset" in name else 0.15 if ranges == "soft" else 0.02
            assert np.linalg.norm(one - other) <= allowed * np.linalg.norm(one) + 1e-7, (ranges, name, one, other)


def test_a_shared_layer_is_itself_at_each_place_when_loaded(tmp_path: Path) -> None:
    model = model_of(models.shared_twice)
    integer = simulated(model, **FORWARD)
    (array,) = models.samples(model, 8, seed=2)
    save_model(integer, tmp_path / "shared.keras")
    np.testing.assert_array_equal(load_model(tmp_path / "shared.keras")(array), integer(array))


def test_a_live_batch_norm_is_trained_in_real_numbers_and_integers_begin_when_it_is_folded() -> None:
    model = model_of(chain(conv(name="one"), layers.BatchNormalization(name="norm"), layers.ReLU()))
    prepared, calibration = prepare(model, batch_norm="train_then_fold"), [models.samples(model, 64)]
    (array,) = models.samples(model, 8, seed=2)
    fake = simulate(prepared, calibration)
    wished = simulate(prepared, calibration, **FORWARD, rounding_noise=0.1)
    np.testing.assert_array_equal(fake.model(array), wished.model(array))
    folded, alike = fold_trained(wished), fold_trained(fake)
    config = folded.model.get_layer("one").quantize_config
    assert (config.kernel_set, config.rounding_noise, config.computes_integers) == ("xnnpack", 0.1, True)
    scale = read_params(folded.model.layers[-1].output_range).scale
    steps = (np.asarray(folded.model(array)) - np.asarray(alike.model(array))) / scale
    assert 0 < np.abs(steps).max() < 1.5


def test_the_kernel_set_is_the_targets_unless_named() -> None:
    prepared = prepare(model_of(conv(name="one")))
    model = build_simulated(prepared, forward="integer", target="litert_builtin")
    assert model.get_layer("one").quantize_config.kernel_set == "builtin"
    assert build_simulated(prepared).get_layer("one").quantize_config.kernel_set is None


@pytest.mark.parametrize(
    ("error", "words", "wishes"),
    [
        (SettingsError, "for forward='integer'", {"kernel_set": "xnnpack"}),
        (SettingsError, "rounding_noise=0.1 is for forward='integer'", {"rounding_noise": 0.1}),
        (SettingsError, "a share of the codes, 0 to 1, received 2", {**FORWARD, "rounding_noise": 2}),
        (SettingsError, "name those whose integers", {"forward": "integer", "target": "edge_tpu"}),
        (UnknownNameError, "no forward pass named 'int'", {"forward": "int"}),
        (UnknownNameError, "no kernel set named 'ref'", {"forward": "integer", "kernel_set": "ref"}),
    ],
)
def test_impossible_wishes_are_refused(error: type[Exception], words: str, wishes: dict[str, Any]) -> None:
    with pytest.raises(error, match=words):
        build_simulated(prepare(model_of(conv())), **wishes)


def test_a_layer_on_its_own_says_what_it_needs() -> None:
    model = build_simulated(prepare(model_of(conv(name="one"))), **FORWARD)
    alone = type(model.get_layer("one")).from_config(model.get_layer("one").get_config())
    with pytest.raises(ModelError, match="'one' computes integers and does not know which layers feed it"):
        alone(tf.zeros((1, 8, 8, 4)))
