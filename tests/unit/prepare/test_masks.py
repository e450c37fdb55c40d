"""A mask that nothing uses is dropped; one that something uses is refused by name."""

from __future__ import annotations

import pytest
import tf_keras
from tf_keras import layers

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare.masks import refuse_masks
from qat_kit.prepare.reading import read_graph
from tests.support.models import chain, model_of

L = layers


def _model(*layers: layers.Layer) -> tf_keras.Model:
    tokens = tf_keras.Input((5,), dtype="int32")
    return tf_keras.Model(tokens, chain(L.Embedding(9, 4, mask_zero=True, name="table"), *layers)(tokens))


def test_a_mask_that_nothing_uses_is_dropped() -> None:
    graph = refuse_masks(read_graph(_model(L.Flatten(), L.Dense(2))))
    assert graph.nodes["table"].config["mask_zero"] is False


@pytest.mark.parametrize("layer", [lambda: L.LSTM(3), L.GlobalAveragePooling1D], ids=["lstm", "average"])
def test_a_mask_that_a_layer_uses_is_refused_even_behind_one_that_passes_it_on(layer: type[layers.Layer]) -> None:
    with pytest.raises(UnsupportedLayerError, match=r"with a mask.*'table' makes it"):
        refuse_masks(read_graph(_model(L.Dropout(0.1), layer())))


def test_masking_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedLayerError, match="Masking"):
        refuse_masks(read_graph(model_of(L.Masking(), (5, 4))))
