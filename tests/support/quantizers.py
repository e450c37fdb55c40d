"""Kernels and variables for the tests of quantizers."""

from __future__ import annotations

from typing import Any

import numpy as np
import tf_keras

# Kernel shape in Keras → its output channels' axes.
KERNELS = {
    "conv": ((3, 3, 4, 6), (3,)),
    "conv1d": ((3, 4, 6), (2,)),
    "depthwise": ((3, 3, 4, 2), (2, 3)),
    "depthwise1d": ((3, 4, 2), (1, 2)),
    "transposed": ((3, 3, 6, 4), (2,)),
    "dense": ((8, 6), (1,)),
}


def kernel_of(kind: str) -> tuple[np.ndarray, tuple[int, ...]]:
    """Channels of very different magnitude, so that one scale for several shows."""
    shape, axes = KERNELS[kind]
    random = np.random.default_rng(1)
    channels = [shape[axis] if axis in axes else 1 for axis in range(len(shape))]
    return (random.normal(0, 1, shape) * 10.0 ** random.uniform(-3, 3, channels)).astype(np.float32), axes


class Variables(tf_keras.layers.Layer):
    """A layer that does nothing but hold a quantizer's variables."""


def built(quantizer: Any, kernel: np.ndarray) -> dict[str, Any]:
    """The variables of a weight quantizer, set from a kernel."""
    weights = quantizer.build(kernel.shape, "kernel", Variables())
    quantizer.initialize(kernel, weights)
    return dict(weights)
