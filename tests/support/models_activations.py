"""Activation functions: small Keras models, one pattern each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tf_keras

from qat_kit.layers import Elementwise
from tests.support.models import IMAGE, chain, conv, model_of

L = tf_keras.layers


def _behind_conv(make: Callable[[], Any]) -> Callable[[], tf_keras.Model]:
    return lambda: model_of(chain(conv(4), make()), IMAGE)


def affine(factor: float, offset: float) -> tf_keras.layers.Layer:
    """`x · factor + offset`, fixed in a constant initializer."""
    return L.Rescaling(factor, offset=offset)


PATTERNS: dict[str, Callable[[], tf_keras.Model]] = {
    "conv_elu": _behind_conv(lambda: L.Activation("elu")),
    "conv_elu_layer": _behind_conv(lambda: L.ELU(0.5)),
    "conv_selu": _behind_conv(lambda: L.Activation("selu")),
    "conv_softplus": _behind_conv(lambda: L.Activation("softplus")),
    "conv_softsign": _behind_conv(lambda: L.Activation("softsign")),
    "conv_mish": _behind_conv(lambda: L.Activation("mish")),
    "conv_exponential": _behind_conv(lambda: L.Activation("exponential")),
    "conv_hard_sigmoid": _behind_conv(lambda: L.Activation("hard_sigmoid")),
    "conv_hard_sigmoid_of_six": _behind_conv(lambda: Elementwise("hard_sigmoid")),
    "conv_hard_swish": _behind_conv(lambda: Elementwise("hard_swish")),
    "hard_sigmoid_in_parts": lambda: model_of(
        chain(conv(4), affine(1.0, 3.0), L.ReLU(6.0), affine(1 / 6, 0.0), conv(2)), IMAGE
    ),
    "conv_gelu_tanh": _behind_conv(lambda: Elementwise("gelu_tanh")),
    "conv_leaky_relu_by_name": _behind_conv(lambda: L.Activation("leaky_relu")),
    "conv_log_softmax": _behind_conv(lambda: L.Activation("log_softmax")),
    "conv_relu_maximum": _behind_conv(lambda: L.ReLU(max_value=1.5)),
    "relu_maximum_pool": lambda: model_of(chain(conv(4), L.ReLU(1.0), L.MaxPooling2D(), conv(2)), IMAGE),
    "relu_threshold": _behind_conv(lambda: L.ReLU(threshold=0.5)),
    "conv_prelu_each": _behind_conv(lambda: L.PReLU()),
    "conv_prelu_shared_channels": _behind_conv(lambda: L.PReLU(shared_axes=[1, 2, 3])),
}

# Variants of a pattern that stays among the fast ones.
SLOW = frozenset({"conv_elu_layer", "conv_mish", "conv_selu", "conv_leaky_relu_by_name", "conv_prelu_each"})

# (LSB, share of outputs) that may differ: measured on all kernel sets and rounded up.
LOOSER: dict[str, tuple[int, float]] = {
    # Each operator behind the convolution multiplies its 1 LSB by a slope × input scale / output scale.
    "conv_elu": (2, 0.02),
    "conv_elu_layer": (2, 0.02),
    "conv_selu": (3, 0.02),
    "conv_softplus": (2, 0.02),
    "conv_softsign": (4, 0.02),
    "conv_mish": (2, 0.02),
    "conv_hard_swish": (2, 0.02),
    "conv_gelu_tanh": (2, 0.02),
    # LEAKY_RELU and PRELU requantize both halves with multipliers of their own.
    "conv_leaky_relu_by_name": (2, 0.22),
    "conv_prelu_each": (2, 0.04),
    "conv_prelu_shared_channels": (2, 0.02),
}
