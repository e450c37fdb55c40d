"""Attention → dense layers, products of matrices and a softmax.

    softmax(q · kᵀ / sqrt(d) + mask) · v

1/sqrt(d) goes into the kernel that makes the queries; a causal or constant mask is a selection before the softmax
(`layers.Masked`). Source: Vaswani et al. 2017, arXiv:1706.03762; Bahdanau et al. 2015, arXiv:1409.0473 (additive).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tf_keras
from numpy.typing import NDArray

from qat_kit.errors import UnsupportedLayerError
from qat_kit.layers import Masked, MatMul
from qat_kit.prepare.decomposition import Decomposition
from qat_kit.prepare.graph import Graph, Node, Operand

_layers = tf_keras.layers


def replace_attention(graph: Graph) -> Graph:
    """Takes every MultiHeadAttention, Attention and AdditiveAttention apart."""
    for name in tuple(graph.nodes):
        node = graph.nodes[name]
        if node.layer_class is _layers.MultiHeadAttention:
            graph = _multi_head(graph, node)
        elif node.layer_class in (_layers.Attention, _layers.AdditiveAttention):
            graph = _single_head(graph, node)
    return graph


def _multi_head(graph: Graph, node: Node) -> Graph:
    parts = Decomposition(graph, node)
    arguments = dict(node.arguments) or dict(zip(("query", "value", "key"), map(Operand, range(3)), strict=False))
    query, value = (_tensor(node, arguments[key]) for key in ("query", "value"))
    key = _tensor(node, arguments["key"]) if "key" in arguments else value
    if {parts.rank(tensor) for tensor in (query, value, key)} != {3}:
        parts.refuse("Its inputs must be [batch, steps, features]; reshape them before.")
    if node.config.get("attention_axes") not in (None, [1], (1,)):
        parts.refuse("Let it attend over axis 1.", kind=f"{node.kind}(attention_axes=…)")
    weights = [np.asarray(weight, np.float64) for weight in node.weights]
    step = 2 if node.config["use_bias"] else 1
    of_query, of_key, of_value, of_output = (weights[start : start + step] for start in range(0, 4 * step, step))
    scale = 1.0 / np.sqrt(node.config["key_dim"])
    queries = _heads(parts, query, [weight * scale for weight in of_query], "query")
    keys = _heads(parts, key, of_key, "key")
    values = _heads(parts, value, of_value, "value")
    mask = _mask(node, arguments, parts.sizes(query)[0], parts.sizes(value)[0])
    scores, combined = _attend(parts, queries, keys, values, mask)
    heads, steps, size = parts.sizes(combined)
    rows = parts.reshape(parts.permute(combined, 0, 2, 1, 3), steps, heads * size)
    output = _dense(parts, rows, of_output, "output", num_inputs=2)
    return parts.replaced(parts.reshape(output, steps, *of_output[0].shape[2:]), scores)


def _tensor(node: Node, argument: Any) -> str:
    if not isinstance(argument, Operand):
        raise UnsupportedLayerError(node.name, f"{node.kind} over a constant", "Call it with tensors of the model.")
    return node.inputs[argument.index]


def _dense(parts: Decomposition, source: str, weights: list[NDArray[Any]], part: str, *, num_inputs: int = 1) -> str:
    """A Dense with `weights`; the kernel's first axes (`num_inputs`) are summed over, the others made."""
    kernel = weights[0].reshape(int(np.prod(weights[0].shape[:num_inputs])), -1)
    return parts.add(
        _layers.Dense,
        source,
        part=part,
        shape=(*parts.shape(source)[:-1], kernel.shape[1]),
        weights=[kernel, *(bias.reshape(-1) for bias in weights[1:])],
        units=kernel.shape[1],
        use_bias=len(weights) > 1,
    )


def _heads(parts: Decomposition, source: str, weights: list[NDArray[Any]], part: str) -> str:
    """[batch, steps, features] → [batch, heads, steps, size]."""
    _, heads, size = weights[0].shape
    steps, _ = parts.sizes(source)
    dense = _dense(parts, source, weights, part)
    return parts.permute(parts.reshape(dense, steps, heads, size), 0, 2, 1, 3)


def _attend(
    parts: Decomposition, queries: str, keys: str, values: str, mask: NDArray[np.bool_] | None
) -> tuple[str, str]:
    """The softmax of the scores, and the values combined by it; all [batch, …, steps, size]."""
    shape = (*parts.shape(queries)[:-1], parts.shape(keys)[-2])
    scores = parts.add(MatMul, queries, keys, part="scores", shape=shape, transpose_b=True)
    return _weigh(parts, scores, values, mask)


def _weigh(parts: Decomposition, scores: str, values: str, mask: NDArray[np.bool_] | None) -> tuple[str, str]:
    if mask is not None:
        scores = parts.add(Masked, scores, part="masked", mask=mask.tolist())
    weights = parts.add(_layers.Softmax, scores, part="softmax")
    rate = float(parts.node.config.get("dropout") or 0.0)
    kept = parts.add(_layers.Dropout, weights, part="dropout", rate=rate) if rate else weights
    shape = (*parts.shape(scores)[:-1], parts.shape(values)[-1])
    return weights, parts.add(MatMul, kept, values, part="combined", shape=shape)


def _mask(node: Node, arguments: dict[str, Any], num_queries: int, num_values: int) -> NDArray[np.bool_] | None:
    """Which value each query may see, to broadcast to [batch, heads, queries, values]; None: all."""
    mask: NDArray[np.bool_] | None = None
    given = arguments.get("attention_mask")
    if isinstance(given, Operand):
        raise UnsupportedLayerError(
            node.name, f"{node.kind} with a mask that is computed", "Give it a constant mask, or use_causal_mask=True."
        )
    if given is not None:
        constant = np.asarray(given) > 0.5 if np.asarray(given).dtype != bool else np.asarray(given)
        mask = constant if constant.ndim < 3 else np.expand_dims(constant, 1)
    if arguments.get("use_causal_mask") or node.config.get("causal"):
        causal = np.tril(np.ones((num_queries, num_values), np.bool_))
        mask = causal if mask is None else mask & causal
    if mask is not None and not mask.any(axis=-1).all():
        raise UnsupportedLayerError(
            node.name, node.kind, "Its mask hides everything from a query; let it see something."
        )
    return None if mask is None or mask.all() else mask


def _single_head(graph: Graph, node: Node) -> Graph:
    """Attention and AdditiveAttention: called with [query, value] or [query, value, key], no kernels of their own."""
    parts = Decomposition(graph, node)
    if node.arguments.get("mask") is not None:
        parts.refuse("Call it without, or with use_causal_mask.", kind=f"{node.kind} with masks")
    query, value, *given = node.inputs
    key = given[0] if given else value
    if {parts.rank(tensor) for tensor in (query, value, key)} != {3}:
        parts.refuse("Its inputs must be [batch, steps, features]; reshape them before.")
    mask = _mask(node, dict(node.arguments), parts.sizes(query)[0], parts.sizes(value)[0])
    weights = [np.asarray(weight, np.float64) for weight in node.weights]
    if node.layer_class is _layers.AdditiveAttention:
        scores, combined = _weigh(parts, _additive_scores(parts, query, key, weights), value, mask)
    elif node.config.get("score_mode", "dot") != "dot":
        parts.refuse("Use score_mode='dot'.", kind=f"{node.kind}(score_mode='concat')")
    else:
        scaled = parts.affine(query, weights[0]) if weights else query
        scores, combined = _attend(parts, scaled, key, value, mask)
    return parts.replaced(combined, scores)


def _additive_scores(parts: Decomposition, query: str, key: str, weights: list[NDArray[Any]]) -> str:
    """Σ scale · tanh(query + key): [batch, queries, keys]."""
    num_queries, size = parts.sizes(query)
    num_keys, _ = parts.sizes(key)
    each_query = parts.reshape(query, num_queries, 1, size)
    each_key = parts.reshape(key, 1, num_keys, size)
    shape = (parts.shape(query)[0], num_queries, num_keys, size)
    pairs = parts.add(_layers.Add, each_query, each_key, part="pairs", shape=shape)
    tanh = parts.add(_layers.Activation, pairs, part="tanh", activation="tanh")
    kernel = weights[0] if weights else np.ones(size)
    return parts.reshape(_dense(parts, tanh, [kernel.reshape(-1, 1)], "score"), num_queries, num_keys)
