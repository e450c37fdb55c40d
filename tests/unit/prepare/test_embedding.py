"""An embedding's input holds integers, whatever it was declared with; its range covers the whole table."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tf_keras import layers

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare import prepare
from qat_kit.prepare.embedding import INDEX_DTYPE, take_integer_indices
from qat_kit.simulation import simulate, trained_tensors
from tests.support.rewrites import rewritten


def tokens(dtype="float32"):
    return tf_keras.Input((5,), name="tokens", dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "int32", "int64", "uint8"])
def test_the_input_becomes_one_of_int32(dtype) -> None:
    indices = tokens(dtype)
    model = tf_keras.Model(indices, layers.Embedding(7, 3, name="table")(indices))
    graph = rewritten(model, take_integer_indices)
    assert graph.nodes["tokens"].config["dtype"] == INDEX_DTYPE
    prepared = prepare(model).model
    values = np.random.default_rng(1).integers(0, 7, (4, 5))
    assert prepared.inputs[0].dtype == tf.int32
    np.testing.assert_array_equal(prepared(values.astype(np.int32)), model(values.astype(dtype)))


def test_two_tables_may_read_one_input() -> None:
    indices = tokens()
    both = [layers.Embedding(7, 3, name=name)(indices) for name in ("one", "two")]
    graph = rewritten(tf_keras.Model(indices, both), take_integer_indices)
    assert graph.nodes["tokens"].config["dtype"] == INDEX_DTYPE


def computed(indices):
    return layers.Embedding(7, 3, name="table")(layers.ReLU(name="relu")(indices))


def shared(indices):
    return [layers.Embedding(7, 3, name="table")(indices), layers.Dense(2, name="dense")(indices)]


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (computed, r"'table' .Embedding.*indices come from layer 'relu' .ReLU"),
        (shared, r"'table' .Embedding.*input 'tokens' is also read by dense"),
        (lambda x: [layers.Embedding(7, 3, name="table")(x), x], r"'tokens' is also read by the output"),
    ],
)
def test_indices_that_no_operator_computes_are_refused(build, words) -> None:
    indices = tokens()
    with pytest.raises(UnsupportedLayerError, match=words):
        prepare(tf_keras.Model(indices, build(indices)))


def test_the_range_covers_rows_that_calibration_never_met() -> None:
    indices = tokens("int32")
    table = layers.Embedding(7, 3, name="table")
    model = tf_keras.Model(indices, table(indices))
    rows = np.random.default_rng(2).uniform(-1.0, 1.0, (7, 3))
    rows[6] = [-9.0, 4.0, 5.0]
    table.set_weights([rows])
    qat = simulate(prepare(model), [[np.zeros((4, 5), np.int32)]]).model
    trained = trained_tensors(qat).outputs["table"]
    assert trained.scale[0] == pytest.approx((5.0 + 9.0) / 255, rel=1e-3)
    found = qat(np.full((1, 5), 6, np.int32)).numpy()
    np.testing.assert_allclose(found[0, 0], rows[6], atol=trained.scale[0])
