"""Layer, group, root-mean-square and unit normalization → means, products and one reciprocal root.

    y = (x − mean) / sqrt(variance + epsilon) · gamma + beta

A square in 8 bits loses what is small beside the largest, so no square is ever stored. With d = x − mean of n values,
and epsilon as a constant entry c = sqrt(n · epsilon) beside them, d·d + c² = n · (variance + epsilon) is summed up in
32 bits inside one operator:

    up to 64 values:  L2_NORMALIZATION of [d, c], whose output has the fixed scale 1/128
    more:             BATCH_MATMUL of [d, c] with itself, RSQRT, MUL; the output has a range of its own

Both are exact. gamma · sqrt(n) and beta go on as a PerChannelAffine, into the kernel behind where there is one. Where
the values come from a linear layer that nothing else reads, its kernel is centred instead: mean and subtraction cost
nothing then. Source: Ba et al. 2016, arXiv:1607.06450; Wu & He 2018, arXiv:1803.08494; Zhang & Sennrich 2019,
arXiv:1910.07467.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import tf_keras

from qat_kit.errors import UnsupportedLayerError
from qat_kit.layers import (
    AppendConstant,
    Elementwise,
    L2Normalize,
    MatMul,
    Reduce,
    RMSNormalization,
)
from qat_kit.prepare.activations import activation_name
from qat_kit.prepare.decomposition import Decomposition
from qat_kit.prepare.graph import Graph, Node
from qat_kit.prepare.linear import OUTPUT_AXES

_layers = tf_keras.layers

# Beyond, the steps of 1/128 are coarser than the rounding of everything else: 52.9 − 10·log10(n) dB (docs/LOG.md).
_LARGEST_L2_NORMALIZATION = 64


def replace_normalization(graph: Graph) -> Graph:
    """Takes every LayerNormalization, GroupNormalization, RMSNormalization and UnitNormalization apart."""
    for name in tuple(graph.nodes):
        node = graph.nodes[name]
        if node.layer_class is _layers.LayerNormalization:
            graph = _layer_norm(graph, node)
        elif node.layer_class is RMSNormalization:
            graph = _over_axes(Decomposition(graph, node), centre=False)
        elif node.layer_class is _layers.GroupNormalization:
            graph = _group_norm(Decomposition(graph, node))
        elif node.layer_class is _layers.UnitNormalization:
            graph = _unit_norm(Decomposition(graph, node))
    return graph


def _layer_norm(graph: Graph, node: Node) -> Graph:
    before = graph.nodes.get(node.inputs[0])
    last = len(node.output_shape) - 1
    if (
        before is not None
        and _axes(node) == (last,)
        and len(OUTPUT_AXES.get(before.layer_class, ())) == 1
        and activation_name(before) is None
        and before.config.get("groups", 1) == 1
        and graph.feeds_only_one(before.name)
    ):
        graph = graph.replaced({before.name: (_centred(before, node),)})
        return _over_axes(Decomposition(graph, node), centre=False)
    return _over_axes(Decomposition(graph, node), centre=True)


def _centred(linear: Node, norm: Node) -> Node:
    """The linear layer whose outputs have the mean 0 over its channels: that of its kernel and bias taken from each."""
    kernel, *bias = (np.asarray(weight, np.float64) for weight in linear.weights)
    axes = OUTPUT_AXES[linear.layer_class]
    return replace(
        linear,
        origins=(*linear.origins, *norm.origins),
        weights=(kernel - kernel.mean(axis=axes, keepdims=True), *(values - values.mean() for values in bias)),
    )


def _axes(node: Node) -> tuple[int, ...]:
    """The axes that a node normalizes over, the batch as 0."""
    given, rank = node.config["axis"], len(node.output_shape)
    axes = tuple(sorted(axis % rank for axis in ([given] if isinstance(given, int) else given)))
    if 0 in axes:
        raise UnsupportedLayerError(node.name, f"{node.kind}(axis={given})", "Normalize each sample by itself.")
    return axes


def _over_axes(parts: Decomposition, *, centre: bool) -> Graph:
    """The node with the axes moved to the end and made one, normalized, and moved back."""
    node = parts.node
    (source,) = node.inputs
    gamma, beta = _gamma_and_beta(node)

    def normalize(flat: str) -> str:
        normal, factor = _normalized(parts, flat, epsilon=node.config["epsilon"], centre=centre)
        return parts.affine(normal, factor * np.ravel(gamma), np.ravel(beta))

    return parts.replaced(_at_the_end(parts, source, _axes(node), normalize))


def _gamma_and_beta(node: Node) -> tuple[Any, Any]:
    weights = [np.asarray(weight, np.float64) for weight in node.weights]
    gamma = weights.pop(0) if node.config.get("scale", True) else np.float64(1.0)
    beta = weights.pop(0) if node.config.get("center", False) else np.float64(0.0)
    return gamma, beta


def _at_the_end(parts: Decomposition, source: str, axes: Sequence[int], change: Callable[[str], str]) -> str:
    """`change` of [batch, others, size], the axes made one at the end, and the axes brought back."""
    rank = parts.rank(source)
    order = [axis for axis in range(rank) if axis not in axes] + list(axes)
    moved = parts.permute(source, *order)
    sizes = parts.sizes(moved)
    split = len(sizes) - len(axes)
    flat = parts.reshape(moved, *sizes[:split], int(np.prod(sizes[split:])))
    changed = parts.reshape(change(flat), *sizes)
    return parts.permute(changed, *np.argsort(order).tolist())


def _normalized(parts: Decomposition, source: str, *, epsilon: float, centre: bool) -> tuple[str, float]:
    """d / sqrt(Σ (d² + epsilon)) over the last axis, and the factor sqrt(n) that it lacks."""
    *others, size = parts.sizes(source)
    deviation = source
    if centre:
        shape = (parts.shape(source)[0], *others, 1)
        mean = parts.add(Reduce, source, part="mean", shape=shape, function="mean", axes=[-1], keepdims=True)
        deviation = parts.add(_layers.Subtract, source, mean, part="deviation")
    # As many entries as keep each below 1: none of them shall widen the range.
    count = max(1, int(np.ceil(size * epsilon))) if epsilon else 0
    extended = deviation
    if count:
        shape = (parts.shape(source)[0], *others, size + count)
        value = float(np.sqrt(size * epsilon / count))
        extended = parts.add(AppendConstant, deviation, part="epsilon", shape=shape, value=value, count=count)
    if size <= _LARGEST_L2_NORMALIZATION:
        normal = parts.add(L2Normalize, extended, part="normalize")
        return (parts.slice(normal, 0, size, part="values") if count else normal), float(np.sqrt(size))
    rows = int(np.prod(others))
    batch = parts.shape(source)[0]
    row = parts.reshape(extended, rows, 1, size + count)
    total = parts.add(MatMul, row, row, part="sum_of_squares", shape=(batch, rows, 1, 1), transpose_b=True)
    root = parts.add(Elementwise, total, part="inverse_root", function="rsqrt")
    normal = parts.add(_layers.Multiply, deviation, parts.reshape(root, *others, 1), part="normalize")
    return normal, float(np.sqrt(size))


def _group_norm(parts: Decomposition) -> Graph:
    """[batch, …, groups · size] → [batch, groups, … · size], normalized over the last axis, and back."""
    node = parts.node
    *others, channels = parts.sizes(node.inputs[0])
    if node.config["axis"] not in (-1, len(others) + 1):
        parts.refuse("Normalize along the last axis.", kind=f"{node.kind}(axis={node.config['axis']})")
    groups = channels if node.config["groups"] == -1 else node.config["groups"]
    places = int(np.prod(others))
    grouped = parts.permute(parts.reshape(node.inputs[0], places, groups, channels // groups), 0, 2, 1, 3)
    flat = parts.reshape(grouped, groups, places * channels // groups)
    normal, factor = _normalized(parts, flat, epsilon=node.config["epsilon"], centre=True)
    back = parts.permute(parts.reshape(normal, groups, places, channels // groups), 0, 2, 1, 3)
    gamma, beta = _gamma_and_beta(node)
    return parts.replaced(parts.affine(parts.reshape(back, *others, channels), factor * gamma, beta))


def _unit_norm(parts: Decomposition) -> Graph:
    (source,) = parts.node.inputs
    return parts.replaced(_at_the_end(parts, source, _axes(parts.node), lambda flat: parts.add(L2Normalize, flat)))
