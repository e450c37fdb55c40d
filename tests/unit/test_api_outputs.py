"""Models of several inputs and outputs through `qat_kit.quantize`: names and order are kept, each output is judged."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tf_keras import layers

import qat_kit
from qat_kit.errors import DataError, ModelError, SettingsError, UnknownNameError
from qat_kit.measure import evaluate_all

QUICK = {"qat_epochs": 1, "num_latency_runs": 5}
COUNT = 96


@pytest.fixture(scope="module")
def samples():
    """A vector and a scale, the class of the vector, and a number that depends on both."""
    random = np.random.default_rng(7)
    classes = np.arange(COUNT) % 3
    vectors = (random.normal(size=(COUNT, 6)) * 0.3 + classes[:, None]).astype(np.float32)
    scales = random.uniform(0.5, 1.0, (COUNT, 1)).astype(np.float32)
    numbers = (vectors.mean(axis=1, keepdims=True) * scales).astype(np.float32)
    return {"vector": vectors, "scale": scales}, {"kind": classes, "amount": numbers}


def two_by_two(*, as_dict=True):
    tf_keras.utils.set_random_seed(0)
    vector, scale = tf_keras.Input((6,), name="vector"), tf_keras.Input((1,), name="scale")
    hidden = layers.Dense(8, activation="relu", name="hidden")(layers.Concatenate()([vector, scale]))
    kind = layers.Dense(3, activation="softmax", name="kind_scores")(hidden)
    amount = layers.Dense(1, name="amount_value")(hidden)
    if as_dict:
        return tf_keras.Model({"vector": vector, "scale": scale}, {"kind": kind, "amount": amount}, name="both")
    return tf_keras.Model([vector, scale], [kind, amount], name="both")


def test_a_model_with_dicts_at_both_ends(samples, tmp_path):
    inputs, labels = samples
    model = two_by_two()
    data = tf.data.Dataset.from_tensor_slices((inputs, labels)).batch(16)
    result = qat_kit.quantize(
        model, train_data=data, validation_data=(inputs, labels), class_names=("a", "b", "c"), out=tmp_path, **QUICK
    )
    assert result.certificate.passed
    manifest = result.artifact.manifest
    # Keras sorts the keys of a dict.
    assert [each.name for each in manifest.inputs] == ["scale", "vector"]
    assert [each.name for each in manifest.outputs] == ["amount", "kind"]
    found = evaluate_all(result.artifact.path, inputs)
    assert {name: array.shape for name, array in found.items()} == {"amount": (COUNT, 1), "kind": (COUNT, 3)}
    np.testing.assert_allclose(found["kind"], model(inputs)["kind"], atol=0.3)
    measured = result.measurement["int8_tflite"]
    assert {name: quality.task for name, quality in measured.outputs.items()} == {
        "amount": "regression",
        "kind": "classification",
    }
    assert measured.quality == measured.outputs["amount"]
    assert measured.outputs["kind"].num_samples == COUNT


@pytest.mark.slow
def test_a_model_with_lists_keeps_its_own_order(samples):
    inputs, labels = samples
    seen = []

    def loss(wanted, outputs):
        seen.append(outputs.shape[-1])
        return tf.abs(tf.cast(wanted[:, 0], tf.float32) - outputs[:, 0])

    result = qat_kit.quantize(
        two_by_two(as_dict=False),
        train_data=([inputs["vector"], inputs["scale"]], [labels["kind"], labels["amount"]]),
        validation_data=(inputs, {"amount_value": labels["amount"], "kind_scores": labels["kind"]}),
        loss={"amount_value": loss},
        # Each epoch as a file, and a teacher: both over all outputs.
        evaluate_every=1,
        distillation_weight=0.5,
        **QUICK,
    )
    manifest = result.artifact.manifest
    assert [each.name for each in manifest.inputs] == ["vector", "scale"]
    assert [each.name for each in manifest.outputs] == ["kind_scores", "amount_value"]
    assert set(seen) == {1}
    assert list(result.measurement["float"].outputs) == ["kind_scores", "amount_value"]
    assert result.measurement["float"].quality.task == "classification"
    assert result.artifact.manifest.scores == "probabilities"


def quantize(samples, **changes):
    inputs, labels = samples
    arguments = {"train_data": (inputs, labels), "validation_data": (inputs, labels), **QUICK, **changes}
    return qat_kit.quantize(two_by_two(), **arguments)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda x, y: {"train_data": (x, y["kind"])}, DataError, r"outputs \['amount', 'kind'\]; give labels for each"),
        (lambda x, y: {"train_data": (x, {"kind": y["kind"]})}, DataError, r"has labels for \['kind'\]"),
        (lambda x, y: {"train_data": ({"vector": x["vector"]}, y)}, DataError, r"has inputs \['vector'\]"),
        (lambda x, y: {"train_data": (x, {**y, "kind": y["kind"] + 1})}, DataError, "output 'kind' has 3 classes"),
        (lambda x, y: {"train_data": (x, {**y, "kind": y["kind"][:5]})}, DataError, "different counts of samples"),
        (lambda x, y: {"loss": lambda a, b: a}, SettingsError, "give the losses by name"),
        (lambda x, y: {"task": {"sort": "regression"}}, UnknownNameError, "no output named 'sort'"),
        (lambda x, y: {"task": {"amount": "classification"}}, DataError, "must be integers"),
    ],
)
def test_labels_that_do_not_fit_are_refused_by_name(samples, change, error, words):
    with pytest.raises(error, match=words):
        quantize(samples, **change(*samples))


def test_a_recipe_that_forgets_an_output_is_refused(samples):
    from qat_kit.checks import check_dataset, check_model_fits
    from qat_kit.datasets import Dataset, Split

    inputs, labels = samples
    split = Split(inputs=tuple(inputs.values()), labels=labels["kind"])
    dataset = check_dataset(Dataset(train=split, calibration=split, validation=split, test=split), "classification")
    with pytest.raises(ModelError, match=r"2 outputs \(kind_scores, amount_value\), and 1 are to be trained"):
        check_model_fits(two_by_two(as_dict=False), dataset, "classification")
