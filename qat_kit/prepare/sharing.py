"""Layers that were called at several places, after the rewrites: one layer again, where they are still the same.

The rewrites see a copy of the layer at each place, and are right for each. What they leave equal in kind, configuration
and weights is one layer again, so that training keeps its places equal; what its neighbours made different (a batch
norm folded in at one place only, say) stays apart.
"""

from __future__ import annotations

import json
from dataclasses import replace

from qat_kit.prepare.graph import Graph, Node, call_name


def join_shared(graph: Graph) -> Graph:
    """Joins shared layers again; a call that takes what another call of its layer takes is that call."""
    return _joined(_without_repeated_calls(graph))


def _without_repeated_calls(graph: Graph) -> Graph:
    """The converter computes equal things once, so they are one node here, with one quantizer."""
    first: dict[object, str] = {}
    for name, node in tuple(graph.nodes.items()):
        inputs = graph.nodes[name].inputs
        if node.shares is None or not node.weights or node.arguments:
            continue
        known = first.setdefault((_identity(node), inputs), name)
        if known != name:
            graph = graph.replaced({name: ()}, outputs={name: known})
    return graph


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
    return node.shares, node.layer_class, json.dumps(config, sort_keys=True, default=repr), weights
