"""The layers that come into the place of one layer or operation: named after it, with their shapes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Sequence
from typing import Any, NoReturn

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from qat_kit.errors import UnsupportedLayerError
from qat_kit.layers import PerChannelAffine, StridedSlice
from qat_kit.prepare.graph import Node, Shape, free_name

_layers = tf_keras.layers


class Tensor(str):
    """The name of a tensor of the graph; among an operation's arguments, all else is a constant."""

    __slots__ = ()


class Parts:
    """Collects layers, one after the other.

    name: of what they stand for; each is called `name_part`, and in the end the last one `name` itself. kind: what the
    user wrote, for messages. origins, shares, trainable: of the nodes (`Node`). shape_of: of a tensor that is there
    already. taken: names that are. Shapes are [batch, …].
    """

    def __init__(
        self,
        *,
        name: str,
        kind: str,
        dtype: Any,
        origins: tuple[str, ...],
        shape_of: Callable[[str], Shape],
        taken: Container[str],
        shares: str | None = None,
        trainable: bool = True,
    ) -> None:
        self.name, self.kind, self.dtype = name, kind, dtype
        self.nodes: dict[str, Node] = {}
        self._origins, self._shares, self._trainable = origins, shares, trainable
        self._shape_of, self._taken = shape_of, taken
        self._count: Counter[str] = Counter()

    def shape(self, tensor: str) -> Shape:
        """[batch, …], None where a size is not known."""
        node = self.nodes.get(tensor)
        return self._shape_of(tensor) if node is None else node.output_shape

    def rank(self, tensor: str) -> int:
        """How many axes a tensor has, the batch among them."""
        return len(self.shape(tensor))

    def sizes(self, tensor: str) -> tuple[int, ...]:
        """The sizes behind the batch; refuses a tensor of which one is not known."""
        return tuple(self.size(tensor, axis) for axis in range(1, self.rank(tensor)))

    def size(self, tensor: str, axis: int) -> int:
        """The size of an axis; refuses a tensor of which it is not known."""
        shape = self.shape(tensor)
        size = shape[axis]
        if size is None:
            self.refuse(f"The size of axis {axis} of {list(shape)} must be known; fix the model's input.")
        return size

    def refuse(self, remedy: str, *, kind: str | None = None) -> NoReturn:
        """Raises UnsupportedLayerError; kind: what of it is refused, where that is not all."""
        raise UnsupportedLayerError(self.name, kind or self.kind, remedy)

    def add(
        self,
        layer_class: type[tf_keras.layers.Layer],
        *sources: str,
        part: str | None = None,
        shape: Sequence[int | None] | None = None,
        weights: Sequence[NDArray[Any]] = (),
        shares: str | None = None,
        **config: Any,
    ) -> Tensor:
        """Adds a layer over `sources` and returns its output.

        part: what it is called, else after its class. shape: of the output; else the layer says it, which takes some
        milliseconds for one that does not know it without being run.
        """
        part = part or layer_class.__name__.lower()
        self._count[part] += 1
        name = free_name(f"{self.name}_{part}", self._taken, self.nodes)
        trainable = {"trainable": self._trainable} if weights else {}
        layer = layer_class.from_config({"name": name, "dtype": self.dtype, **trainable, **config})
        self.nodes[name] = Node(
            name=name,
            layer_class=layer_class,
            config=layer.get_config(),
            inputs=tuple(map(str, sources)),
            output_shape=tuple(self._output_shape(layer, sources) if shape is None else shape),
            weights=tuple(weights),
            origins=self._origins,
            shares=shares or (f"{self._shares}_{part}{self._count[part]}" if self._shares else None),
        )
        return Tensor(name)

    def _output_shape(self, layer: tf_keras.layers.Layer, sources: Sequence[str]) -> Any:
        shapes = [tf.TensorShape(self.shape(source)) for source in sources]
        return layer.compute_output_shape(shapes[0] if len(shapes) == 1 else shapes)

    def put(self, node: Node) -> Tensor:
        """Adds a node that was made elsewhere."""
        self.nodes[node.name] = node
        return Tensor(node.name)

    def reshape(self, source: str, *sizes: int | None, part: str = "reshape") -> Tensor:
        """The same values as [batch, *sizes]; `source` itself where that is its shape."""
        batch, *before = self.shape(source)
        if before == list(sizes):
            return Tensor(source)
        return self.add(_layers.Reshape, source, part=part, shape=(batch, *sizes), target_shape=sizes)

    def permute(self, source: str, *axes: int) -> Tensor:
        """Axis i of the result is axis axes[i], the batch (0) first; `source` itself where nothing moves."""
        if list(axes) == sorted(axes):
            return Tensor(source)
        before = self.shape(source)
        return self.add(
            _layers.Permute, source, part="permute", shape=[before[axis] for axis in axes], dims=list(axes[1:])
        )

    def slice(
        self, source: str, start: int, stop: int, *, axis: int = -1, step: int = 1, part: str = "slice"
    ) -> Tensor:
        """The elements of an axis from `start` to before `stop`."""
        shape = list(self.shape(source))
        axis %= len(shape)
        shape[axis] = len(range(start, stop, step))
        triples = [*[(None, None, None)] * (axis - 1), (start, stop, step)]
        return self.add(StridedSlice, source, part=part, shape=shape, slices=triples)

    def join(self, sources: Sequence[str], axis: int = -1, *, part: str = "joined") -> Tensor:
        """Tensors behind one another along an axis; a single one itself."""
        if len(sources) == 1:
            return Tensor(sources[0])
        return self.add(_layers.Concatenate, *sources, part=part, axis=axis)

    def affine(self, source: str, factor: Any = 1.0, offset: Any = 0.0, *, part: str = "affine") -> Tensor:
        """`x · factor + offset`, each of them one number or [channels]; `source` itself where that is x."""
        shape, channels = self.shape(source), self.size(source, -1)
        numbers = [np.asarray(value, np.float64).reshape(-1) for value in (factor, offset)]
        weights = [np.broadcast_to(value, (channels,)) for value in numbers]
        if np.all(weights[0] == 1.0) and not np.any(weights[1]):
            return Tensor(source)
        return self.add(PerChannelAffine, source, part=part, shape=shape, weights=weights)

    def finish(self, results: Sequence[str]) -> tuple[list[Node], list[str]]:
        """The layers in their order, and what each result is called: a last layer that makes the first has the name."""
        nodes = list(self.nodes.values())
        if not nodes or not results or nodes[-1].name != results[0]:
            return nodes, list(map(str, results))
        last = nodes.pop()
        nodes.append(last.renamed(self.name))
        return nodes, [self.name if result == last.name else str(result) for result in results]
