"""Layers that were called at several places, after the rewrites: one layer again, where they are still the same.

The rewrites see a copy of the layer at each place, and are right for each. What they leave equal in kind, configuration
and weights is one layer again, so that training keeps its places equal; what its neighbours made different (a batch
norm folded in at one place only, say) stays apart.
"""

from __future__ import annotations

import inspect
import json
from dataclasses import replace

from qat_kit.prepare.graph import Graph, Node, call_name, node_of


def join_shared(graph: Graph) -> Graph:
    """Joins shared layers again; a call that takes what another call of its layer takes is that call.

    So is a layer without weights that does what another one does with the same tensors (NASNet puts a ReLU behind each
    tensor for each of its branches).
    """
    return _joined(_without_repeated_calls(graph))


def _without_repeated_calls(graph: Graph) -> Graph:
    """The converter computes equal things once, so they are one node here, with one quantizer."""
    first: dict[object, str] = {}
    outputs = {node_of(tensor) for tensor in graph.outputs}
    for name in tuple(graph.nodes):
        node = graph.nodes[name]
        if not _is_repeatable(node):
            continue
        known = first.setdefault((_identity(node), node.inputs), name)
        if known != name and not (name in outputs and known in outputs):
            origins = tuple(dict.fromkeys((*graph.nodes[known].origins, *node.origins)))
            graph = graph.replaced(
                {known: (replace(graph.nodes[known], origins=origins),), name: ()}, outputs={name: known}
            )
    return graph


def _is_repeatable(node: Node) -> bool:
    """Whether another such node would give the same numbers, also in training: nothing random, no kernel of its own."""
    if node.weights:
        return node.shares is not None and not node.arguments
    is_alike = "training" not in inspect.signature(node.layer_class.call).parameters
    return is_alike and bool(node.inputs) and not node.arguments and not node.further_shapes


def _joined(graph: Graph) -> Graph:
    """Joins the nodes of equal `shares`, class, configuration and weights under one new `shares`.

    A joined layer has the name of its first call; the others are `name_call2`, …, as `read_graph` calls them.
    """
    groups: dict[object, list[Node]] = {}
    for node in graph.nodes.values():
        if node.shares is not None:
            groups.setdefault(_identity(node) if node.weights else node.name, []).append(node)
    changes: dict[str, tuple[Node]] = {}
    for group in groups.values():
        first = group[0].name
        taken = graph.nodes.keys() - {node.name for node in group}
        origins = tuple(dict.fromkeys(origin for node in group for origin in node.origins))
        for count, node in enumerate(group, start=1):
            name = node.name if count == 1 else call_name(first, count, taken)
            shares = first if len(group) > 1 else None
            joined = replace(node.configured(name=name), name=name, shares=shares, origins=origins)
            changes[node.name] = (joined,)
    return graph.replaced(changes)


def _identity(node: Node) -> object:
    config = {key: value for key, value in node.config.items() if key != "name"}
    weights = tuple((weight.shape, weight.dtype.str, weight.tobytes()) for weight in node.weights)
    return (
        node.shares if node.weights else None,
        node.layer_class,
        json.dumps(config, sort_keys=True, default=repr),
        weights,
    )
