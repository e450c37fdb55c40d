"""A part of a tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tf_keras

from qat_kit.layers.package import PACKAGE


@tf_keras.utils.register_keras_serializable(PACKAGE)
class StridedSlice(tf_keras.layers.Layer):  # type: ignore[misc]  # tf_keras publishes no types
    """y = x[:, start:stop:step, …], one triple an axis behind the batch; axes left out at the end are taken whole.

    slices: (start, stop, step) as Python counts, None where it has none. squeezed_axes: axes of the result (the batch
    is 0) of size 1 that are dropped: `x[:, 3]` is a slice of one and drops axis 1.

    >>> import tensorflow as tf
    >>> StridedSlice([(1, None, 1)])(tf.constant([[1.0, 2.0, 3.0]])).numpy().tolist()
    [[2.0, 3.0]]
    """

    def __init__(
        self, slices: Sequence[Sequence[int | None]], *, squeezed_axes: Sequence[int] = (), **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.slices = [tuple(triple) for triple in slices]
        self.squeezed_axes = sorted(int(axis) for axis in squeezed_axes)

    def call(self, inputs: Any) -> Any:
        """The part, of the dtype of `inputs`."""
        part: list[Any] = [slice(None), *(slice(*triple) for triple in self.slices)]
        for axis in self.squeezed_axes:
            part[axis] = self.slices[axis - 1][0]
        return inputs[tuple(part)]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "slices": [list(triple) for triple in self.slices],
            "squeezed_axes": self.squeezed_axes,
        }
