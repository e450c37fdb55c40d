"""Biases that the converter mishandles → biases that differ by nothing that matters.

*All equal.* The converter keeps a bias with one value for all channels as that one number and quantizes it once, with
the first channel's scale, for all channels: the others are wrong by the ratio of their scales. One value is moved by
one unit in the last place.

*None or zero, in a transposed convolution.* The converter drops the addition of a zero bias, and without that addition
it does not fuse the activation behind a TRANSPOSE_CONV but leaves both float. The value put in has the code 0.

Both stand in tests/contracts/test_converter.py.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import tf_keras
from numpy.typing import NDArray

from qat_kit.prepare.graph import Graph, Node
from qat_kit.prepare.linear import OUTPUT_AXES

_NEXT_TO_NOTHING = 1e-30


def keep_biases(graph: Graph) -> Graph:
    """Gives each linear layer a bias that the converter takes as it is."""
    changes = {node.name: _with_bias(node) for node in graph.nodes.values() if node.layer_class in OUTPUT_AXES}
    return graph.replaced({name: (node,) for name, node in changes.items() if node is not None})


def _with_bias(node: Node) -> Node | None:
    """The node with another bias; None where it needs none."""
    kernel, *biases = node.weights
    bias: NDArray[np.float32] | None = biases[0].astype(np.float32) if biases else None
    if node.layer_class is tf_keras.layers.Conv2DTranspose and (bias is None or not np.any(bias)):
        bias = np.full(node.config["filters"], _NEXT_TO_NOTHING, np.float32)
    elif bias is not None and np.any(bias) and np.all(bias == bias[0]) and bias.size > 1:
        bias = bias.copy()
        bias[0] = np.nextafter(bias[0], np.float32(0))
    else:
        return None
    return replace(node.configured(use_bias=True), weights=(kernel, bias))
