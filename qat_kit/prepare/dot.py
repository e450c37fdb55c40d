"""Dot → a product of matrices."""

from __future__ import annotations

import tf_keras

from qat_kit.layers import L2Normalize, MatMul
from qat_kit.prepare.decomposition import Decomposition
from qat_kit.prepare.graph import Graph


def replace_dot(graph: Graph) -> Graph:
    """Replaces every Dot over two tensors of two or three axes."""
    for name in tuple(graph.nodes):
        node = graph.nodes[name]
        if node.layer_class is tf_keras.layers.Dot:
            graph = _product(Decomposition(graph, node))
    return graph


def _product(parts: Decomposition) -> Graph:
    """[batch, …, size] · [batch, size, …]; an axis elsewhere is transposed in the product itself."""
    node = parts.node
    ranks = [parts.rank(source) for source in node.inputs]
    given = node.config["axes"]
    axes = [axis % rank for axis, rank in zip([given] * 2 if isinstance(given, int) else given, ranks, strict=True)]
    if not set(ranks) <= {2, 3} or 0 in axes:
        parts.refuse(
            "Give it tensors of two or three axes, and not the batch to sum over.",
            kind=f"Dot(axes={given}) of shapes {[list(parts.shape(source)) for source in node.inputs]}",
        )
    matrices = []
    for source, axis, rank in zip(node.inputs, axes, ranks, strict=True):
        matrix = _unit_vectors(parts, source, axis) if node.config["normalize"] else source
        # [batch, size] as [batch, 1, size].
        matrices.append(parts.reshape(matrix, 1, *parts.sizes(matrix)) if rank == 2 else matrix)
    # Of the two axes behind the batch, the one summed over is the last of a and the first of b.
    transpose_a = ranks[0] == 3 and axes[0] == 1
    transpose_b = ranks[1] == 2 or axes[1] == 2
    rows = parts.sizes(matrices[0])[1 if transpose_a else 0]
    columns = parts.sizes(matrices[1])[0 if transpose_b else 1]
    product = parts.add(
        MatMul,
        *matrices,
        part="product",
        shape=(node.output_shape[0], rows, columns),
        transpose_a=transpose_a,
        transpose_b=transpose_b,
    )
    return parts.replaced(parts.reshape(product, *node.output_shape[1:]))


def _unit_vectors(parts: Decomposition, source: str, axis: int) -> str:
    if axis == parts.rank(source) - 1:
        return parts.add(L2Normalize, source, part="unit")
    turned = parts.permute(source, 0, 2, 1)
    return parts.permute(parts.add(L2Normalize, turned, part="unit"), 0, 2, 1)
