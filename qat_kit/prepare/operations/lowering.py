"""What turns one operation into layers writes them down here."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from qat_kit.errors import UnsupportedLayerError
from qat_kit.layers import PerChannelAffine
from qat_kit.prepare.graph import Node, Shape


@dataclass(frozen=True)
class Tensor:
    """A tensor of the graph among an operation's arguments; all else there is a constant."""

    name: str


class Lowering:
    """The layers that stand for one operation, as they are added.

    name: the operation's, which its last layer gets. kind: what the user wrote, for messages. dtype: of the layers.
    shape_of, node_of: of a tensor that is there already. taken: names that are.
    """

    def __init__(
        self,
        *,
        name: str,
        kind: str,
        dtype: Any,
        shape_of: Callable[[str], Shape],
        node_of: Callable[[str], Node],
        taken: Container[str],
    ) -> None:
        self.name, self.kind, self.dtype = name, kind, dtype
        self.nodes: dict[str, Node] = {}
        self._shape_of, self._node_of, self._taken = shape_of, node_of, taken

    def shape(self, tensor: Tensor) -> Shape:
        """[batch, …]."""
        node = self.nodes.get(tensor.name)
        return self._shape_of(tensor.name) if node is None else node.output_shape

    def rank(self, tensor: Tensor) -> int:
        """How many axes a tensor has, the batch among them."""
        return len(self.shape(tensor))

    def producer(self, tensor: Tensor) -> Node:
        """The node that makes a tensor."""
        return self.nodes.get(tensor.name) or self._node_of(tensor.name)

    def add(
        self,
        layer_class: type[tf_keras.layers.Layer],
        *inputs: Tensor,
        weights: Iterable[NDArray[Any]] = (),
        shape: Sequence[int | None] | None = None,
        **config: Any,
    ) -> Tensor:
        """Adds a layer and returns its output; shape: of that output, where the layer cannot say it itself."""
        name = self._free_name(layer_class.__name__.lower())
        config = {**config, "name": name, "dtype": self.dtype}
        if shape is None:
            shapes = [tf.TensorShape(self.shape(tensor)) for tensor in inputs]
            layer = layer_class.from_config(config)
            shape = layer.compute_output_shape(shapes[0] if len(shapes) == 1 else shapes)
        self.nodes[name] = Node(
            name=name,
            layer_class=layer_class,
            config=config,
            inputs=tuple(tensor.name for tensor in inputs),
            output_shape=tuple(shape),
            weights=tuple(weights),
            origins=(self.name,),
        )
        return Tensor(name)

    def affine(self, x: Tensor, factor: Any = 1.0, offset: Any = 0.0) -> Tensor:
        """x · factor + offset, each of them one number or [channels]."""
        shape = self.shape(x)
        channels = shape[-1]
        if channels is None:
            self.refuse("The size of its last axis is not known; fix the model's input.")
        numbers = [np.asarray(value, np.float64).reshape(-1) for value in (factor, offset)]
        weights = [np.broadcast_to(value, (channels,)) for value in numbers]
        return self.add(PerChannelAffine, x, weights=weights, shape=shape, trainable=True)

    def reshape(self, x: Tensor, sizes: Sequence[int | None]) -> Tensor:
        """x with these sizes behind the batch; x itself where it has them."""
        batch, *before = self.shape(x)
        if list(sizes) == before:
            return x
        return self.add(tf_keras.layers.Reshape, x, target_shape=tuple(sizes), shape=(batch, *sizes))

    def permute(self, x: Tensor, axes: Sequence[int]) -> Tensor:
        """Axis i of the result is axis axes[i] of x; the batch stays first. x itself where nothing moves."""
        if list(axes) == list(range(len(axes))):
            return x
        return self.add(tf_keras.layers.Permute, x, dims=tuple(axes[1:]))

    def axis(self, axis: Any, rank: int) -> int:
        """An axis counted from the front; refuses the batch's."""
        number = int(axis)
        if not -rank <= number < rank:
            self.refuse(f"Its axis {number} is none of a tensor of {rank} axes.")
        if number % rank == 0:
            self.refuse(
                "It works along the batch (axis 0); a file of one sample has no batch. Work on each sample alone."
            )
        return number % rank

    def refuse(self, remedy: str) -> NoReturn:
        """Raises UnsupportedLayerError for this operation."""
        raise UnsupportedLayerError(self.name, self.kind, remedy)

    def finish(self, results: Sequence[Tensor]) -> tuple[list[Node], dict[int, str]]:
        """The layers in their order, the last one under the operation's name, and which tensor each result is."""
        nodes = list(self.nodes.values())
        last = nodes[-1].name if nodes else None
        names = [result.name for result in results]
        if len(names) == 1 and names[0] == last:
            nodes[-1] = replace(nodes[-1].configured(name=self.name), name=self.name)
            names = [self.name]
        return nodes, dict(enumerate(names))

    def _free_name(self, suffix: str) -> str:
        wanted = name = f"{self.name}_{suffix}"
        count = 0
        while name in self.nodes or name in self._taken:
            count += 1
            name = f"{wanted}_{count}"
        return name


def constant(value: Any) -> NDArray[Any]:
    """A constant argument as an array: a number, a list, an array, a tensor or a variable."""
    return np.asarray(value.numpy() if hasattr(value, "numpy") else value)
