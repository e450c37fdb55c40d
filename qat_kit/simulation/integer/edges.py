"""Who feeds a layer of a simulated model, and who takes its output in: what an integer kernel must know of both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf
import tf_keras

from qat_kit.simulation.operators import IDENTITY


class Edges:
    """The neighbours of one wrapped layer, noted while Keras draws the model, also when it is loaded.

    sources: the layers that it reads. taker: the layer of the activation that the file fuses into it, None where there
    is none. is_drawing: Keras is asking for shapes, and neighbours may not be known yet.
    """

    def __init__(self) -> None:
        self.sources: tuple[Any, ...] = ()
        self.taker: Any = None
        self.is_drawing = False

    @contextmanager
    def noted(self, layer: Any, inputs: Any) -> Iterator[None]:
        """While `layer` is called with `inputs`: takes down where they come from, if Keras is drawing a model."""
        tensors = tf.nest.flatten(inputs)
        self.is_drawing = all(tf_keras.backend.is_keras_tensor(tensor) for tensor in tensors)
        if self.is_drawing:
            self.sources = tuple(tensor.node.layer for tensor in tensors)
            if layer.quantize_config.fused:
                self._producer().edges.taker = layer
        try:
            yield
        finally:
            self.is_drawing = False

    def _producer(self) -> Any:
        """The layer whose operator takes in the activation here; layers that the file does not have stand between."""
        producer = self.sources[0]
        while producer.quantize_config.op == IDENTITY:
            producer = producer.edges.sources[0]
        return producer


def range_variables(layer: Any) -> Any:
    """The variables with the range of a layer's output: its own, its taker's, or those of what it moves."""
    while not layer.output_range:
        taker = layer.edges.taker
        # What only moves codes has no range behind it, whatever takes it in.
        layer = taker if taker is not None and taker.output_range else layer.edges.sources[0]
    return layer.output_range
