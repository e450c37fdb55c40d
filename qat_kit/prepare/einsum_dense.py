"""EinsumDense → Dense between reshapes and transpositions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tf_keras

from qat_kit.prepare.decomposition import Decomposition
from qat_kit.prepare.graph import Graph

_layers = tf_keras.layers


@dataclass(frozen=True, kw_only=True)
class Equation:
    """The letters of `…ab,bc->…ac` for tensors of known rank, `…` spelled out in capitals."""

    source: str
    kernel: str
    output: str

    @property
    def summed(self) -> str:
        """The letters of the source that the output lacks, in the source's order."""
        return "".join(letter for letter in self.source if letter not in self.output)

    @property
    def kept(self) -> str:
        """The letters of the source that the output has, in the output's order."""
        return "".join(letter for letter in self.output if letter in self.source)

    @property
    def made(self) -> str:
        """The letters of the output that come from the kernel, in the output's order."""
        return "".join(letter for letter in self.output if letter not in self.source)

    @property
    def is_dense(self) -> bool:
        """Whether one kernel serves all places: every letter of it is summed over or made."""
        plain = len(set(self.source)) == len(self.source) and len(set(self.kernel)) == len(self.kernel)
        batch_first = bool(self.output) and self.source[0] == self.output[0]
        return plain and batch_first and set(self.kernel) == set(self.summed) | set(self.made)


def parse_equation(equation: str, rank: int) -> Equation:
    """An equation of EinsumDense for a source of `rank` axes.

    >>> parse_equation("...x,xy->...y", 3)
    Equation(source='ABx', kernel='xy', output='ABy')
    """
    operands, output = equation.replace(" ", "").split("->")
    source, kernel = operands.split(",")
    spelled = "ABCDEFGHIJ"[: rank - len(source.replace("...", ""))] if "..." in equation else ""
    source, kernel, output = (letters.replace("...", spelled) for letters in (source, kernel, output))
    return Equation(source=source, kernel=kernel, output=output)


def replace_einsum_dense(graph: Graph) -> Graph:
    """Replaces every EinsumDense that is a Dense; raises UnsupportedLayerError for one with a kernel for each place."""
    for name in tuple(graph.nodes):
        node = graph.nodes[name]
        if node.layer_class is _layers.EinsumDense:
            graph = _dense(Decomposition(graph, node))
    return graph


def _dense(parts: Decomposition) -> Graph:
    node = parts.node
    source = node.inputs[0]
    equation = parse_equation(node.config["equation"], parts.rank(source))
    kernel, *bias = (np.asarray(weight, np.float64) for weight in node.weights)
    axes = node.config.get("bias_axes") or ""
    if not equation.is_dense or not set(axes) <= set(equation.made):
        parts.refuse(
            "It has weights of its own for each place; only one kernel and bias for all places can be quantized.",
            kind=f"{node.kind}({node.config['equation']!r}, bias_axes={axes!r})",
        )
    order = [equation.source.index(letter) for letter in equation.kept + equation.summed]
    sizes = dict(zip(equation.source, (0, *parts.sizes(source)), strict=True))
    sizes |= dict(zip(equation.kernel, kernel.shape, strict=True))
    flat = np.einsum(f"{equation.kernel}->{equation.summed}{equation.made}", kernel)
    num_inputs = int(np.prod([sizes[letter] for letter in equation.summed]))
    flat = flat.reshape(num_inputs, -1)
    weights = [flat]
    if bias:
        # Axes of size 1 stand in the bias where it broadcasts.
        shape = [sizes[letter] if letter in axes else 1 for letter in equation.made]
        wanted = [sizes[letter] for letter in equation.made]
        weights.append(np.broadcast_to(bias[0].reshape(shape), wanted).reshape(-1))
    places = [sizes[letter] for letter in equation.kept[1:]]
    rows = parts.reshape(parts.permute(source, *order), *places, num_inputs)
    dense = parts.add(
        _layers.Dense,
        rows,
        part="dense",
        shape=(node.output_shape[0], *places, flat.shape[1]),
        weights=weights,
        units=flat.shape[1],
        use_bias=bool(bias),
        activation=node.config["activation"],
    )
    apart = parts.reshape(dense, *places, *(sizes[letter] for letter in equation.made))
    together = equation.kept + equation.made
    return parts.replaced(parts.permute(apart, *(together.index(letter) for letter in equation.output)))
