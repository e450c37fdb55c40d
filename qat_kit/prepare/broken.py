"""Models that no preparation can mend: weights that are not numbers, inputs without an axis."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from qat_kit.errors import ModelError, UnsupportedLayerError
from qat_kit.prepare.graph import Graph


def refuse_broken_weights(weights: Iterable[tuple[str, str, NDArray[np.float32]]]) -> None:
    """Raises ModelError for the first (layer, name, values) that holds NaN or infinity."""
    for layer, name, values in weights:
        if not np.all(np.isfinite(values.astype(np.float64))):
            raise ModelError(
                f"layer {layer!r}: weight {name!r} holds NaN or infinity; the float model must be trained to finite "
                "weights first"
            )


def refuse_scalar_inputs(graph: Graph) -> None:
    """Raises UnsupportedLayerError for an input whose samples are single real numbers without an axis.

    A whole number without an axis is what an embedding looks up for a sample.
    """
    for name in graph.inputs:
        node = graph.nodes[name]
        shape = node.output_shape
        if len(shape) < 2 and not np.issubdtype(node.config["dtype"], np.integer):
            raise UnsupportedLayerError(
                name,
                f"Input of shape {list(shape)}",
                "Each sample is a number without an axis; give it one: Input((1,)).",
            )
