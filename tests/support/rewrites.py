"""One rewrite at a time, held to the proof that `prepare` holds all of them to."""

from __future__ import annotations

from collections.abc import Callable

import tf_keras

from qat_kit.prepare.graph import Graph
from qat_kit.prepare.proof import prove_same_graph
from qat_kit.prepare.reading import read_graph


def rewritten(model: tf_keras.Model, rewrite: Callable[[Graph], Graph]) -> Graph:
    """The model's graph behind a rewrite, proven in float64 to compute the same."""
    before = read_graph(model)
    after = rewrite(before)
    prove_same_graph(before, after, "the rewrite")
    return after


def kinds(graph: Graph) -> list[str]:
    """The classes of a graph's layers, in order."""
    return [node.kind for node in graph.nodes.values()]
