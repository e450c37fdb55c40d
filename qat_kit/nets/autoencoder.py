"""A dense auto-encoder, whose error tells what it has never seen."""

from __future__ import annotations

import tf_keras
from tf_keras import layers

from qat_kit.nets.blocks import norm


def autoencoder(*, num_inputs: int, units: int = 128, code: int = 8) -> tf_keras.Model:
    """Two dense layers with batch norm to a narrow code and two back: [batch, num_inputs] → the same.

    Like MLPerf Tiny's, with half its layers. Source: C. Banbury et al., arXiv:2106.07597; Y. Koizumi et al., DCASE 2020
    task 2.

    >>> autoencoder(num_inputs=640).output_shape
    (None, 640)
    """
    values = tf_keras.Input((num_inputs,), name="values")
    result = values
    for name, size in (("first", units), ("second", units), ("code", code), ("third", units), ("fourth", units)):
        result = norm(layers.Dense(size, use_bias=False, name=name)(result), name=name)
    return tf_keras.Model(values, layers.Dense(num_inputs, name="again")(result), name="autoencoder")
