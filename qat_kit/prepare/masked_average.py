"""GlobalAveragePooling1D with a mask → the mean over all steps, the masked ones as 0, divided by the share that counts.

The share is a whole number of steps in int8, up to 255: it is put into a range in which a step is a code. A sequence in
which no step counts gives 0, where Keras divides 0 by 0. Means and no sums: LiteRT's reference SUM reads signed
codes as unsigned ones.
"""

from __future__ import annotations

from typing import Any

import tf_keras

from qat_kit.layers import Divide, Reduce, Saturated, Select, WithConstant
from qat_kit.prepare.decomposition import Decomposition
from qat_kit.prepare.graph import Graph, Operand

_layers = tf_keras.layers

_MOST_STEPS = 255


def replace_masked_average(graph: Graph) -> Graph:
    """Replaces every GlobalAveragePooling1D that is called with a mask.

    Raises UnsupportedLayerError for more than 255 steps, or an unknown number of them.
    """
    for name in tuple(graph.nodes):
        node = graph.nodes[name]
        mask = node.arguments.get("mask")
        if node.layer_class is _layers.GlobalAveragePooling1D and isinstance(mask, Operand):
            parts = Decomposition(graph, node)
            graph = parts.replaced(_averaged(parts, node.inputs[0], node.inputs[mask.index]))
    return graph


def _averaged(parts: Decomposition, source: str, mask: str) -> str:
    (steps,) = parts.sizes(mask)
    if steps > _MOST_STEPS:
        parts.refuse(
            f"Its mask has {steps} steps, and int8 counts up to {_MOST_STEPS}; use shorter sequences, or no mask.",
            kind=f"{parts.kind} with a mask",
        )
    axis: dict[str, Any] = {"axes": [1], "keepdims": bool(parts.node.config["keepdims"])}
    counts = parts.reshape(mask, steps, 1, part="counts")
    shown = parts.add(Select, counts, source, part="shown", shape=parts.shape(source))
    ones = parts.add(Select, counts, part="ones", shape=parts.shape(counts))
    mean = parts.add(Reduce, shown, part="mean", function="mean", **axis)
    share = parts.add(Reduce, ones, part="share_mean", function="mean", **axis)
    share = parts.add(Saturated, share, part="share", function="relu", maximum=_MOST_STEPS / steps)
    share = parts.add(WithConstant, share, part="one_at_least", operation="maximum", value=1 / steps)
    return parts.add(Divide, mean, share, part="average")
