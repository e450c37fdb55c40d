"""Who feeds a layer of a simulated model, and who takes its output in: what an integer kernel must know of both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import tensorflow as tf
import tf_keras

from qat_kit.simulation.operators import IDENTITY


class Source(NamedTuple):
    """The output of a layer at one of its places, of which a shared layer has several."""

    layer: Any
    place: int


@dataclass
class Place:
    """One call of a layer in a model.

    sources: what it reads. taker: the layer behind it that is part of its operator in the file: the activation that is
    fused, or what quantizes this place of a shared layer; None where there is none.
    """

    sources: tuple[Source, ...]
    taker: Any = None


class Edges:
    """The neighbours of one wrapped layer, noted while Keras draws the model, also when it is loaded.

    places: its calls, in Keras' order. is_drawing: Keras is asking for shapes, and neighbours may not be known yet.
    """

    def __init__(self) -> None:
        self.places: list[Place] = []
        self.is_drawing = False

    @contextmanager
    def noted(self, layer: Any, inputs: Any) -> Iterator[int]:
        """While `layer` is called with `inputs`: takes down where they come from, if Keras is drawing a model.

        Gives the number of the place that is drawn; 0 where none is.
        """
        tensors = tf.nest.flatten(inputs)
        self.is_drawing = all(tf_keras.backend.is_keras_tensor(tensor) for tensor in tensors)
        place = 0
        if self.is_drawing:
            place = len(self.places)
            sources = (Source(tensor.node.layer, tensor._keras_history.node_index) for tensor in tensors)
            self.places.append(Place(tuple(sources)))
            self._tell_producer(layer, self.places[-1])
        try:
            yield place
        finally:
            self.is_drawing = False

    def _tell_producer(self, layer: Any, place: Place) -> None:
        """Makes `layer` the taker of the operator that takes it in; layers that no file has stand between."""
        config, (producer, number) = layer.quantize_config, place.sources[0]
        if config.fused:
            while producer.quantize_config.op == IDENTITY:
                producer, number = producer.edges.places[number].sources[0]
        elif config.op != IDENTITY or not config.quantizes_output or not hasattr(producer, "edges"):
            return
        producer.edges.places[number].taker = layer


def carrier_of(source: Source) -> Any:
    """The layer with the quantizer of a tensor: the one that computes it, its taker, or that of what it moves."""
    layer, number = source
    while not layer.output_range:
        place = layer.edges.places[number]
        if place.taker is not None and place.taker.output_range:
            return place.taker
        # What only moves codes has no range behind it, whatever takes it in.
        layer, number = place.sources[0]
    return layer
