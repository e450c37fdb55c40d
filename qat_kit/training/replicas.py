"""One model on several devices: a copy whose steps run on all of them, and what goes back and forth."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from qat_kit.datasets import Split
from qat_kit.errors import ModelError


class Replicas:
    """A model as a strategy trains it.

    `trained` is the model itself where there is one device. Else it is a copy whose variables every replica has, and
    the model is what everybody else looks at: calibration, schedules and files know of one device only. `push`
    carries the model's values and frozen layers to the copy, `pull` the copy's values back.

    Batch norm of the copy takes its statistics over all replicas, as one device would over the whole batch. Its moving
    variance is that of the batch, where TensorFlow's fused kernel on one device keeps n / (n − 1) times that.
    """

    def __init__(self, model: tf_keras.Model, strategy: Any = None) -> None:
        self.strategy = tf.distribute.get_strategy() if strategy is None else strategy
        self.model = model
        self.trained = self.copy(model)
        self._pairs = () if self.trained is model else tuple(zip(model.variables, self.trained.variables, strict=True))
        self._layers = tuple(zip(model._flatten_layers(), self.trained._flatten_layers(), strict=True))

    @property
    def count(self) -> int:
        """How many share a batch."""
        return int(self.strategy.num_replicas_in_sync)

    def copy(self, model: tf_keras.Model) -> tf_keras.Model:
        """The model with variables on every replica; itself on one device.

        Raises ModelError for a model that Keras cannot make again from its configuration.
        """
        if self.count == 1:
            return model
        try:
            with self.strategy.scope():
                twin = tf_keras.models.clone_model(model)
        except (TypeError, ValueError) as error:
            raise ModelError(
                f"model {model.name!r} cannot be copied to several devices, Keras does not make it again from its "
                f"configuration: {error}. Train it on one device, or give its layers a `get_config`"
            ) from None
        for layer in twin._flatten_layers():
            if isinstance(layer, tf_keras.layers.BatchNormalization):
                layer.synchronized, layer.fused = True, False
        for ours, theirs in zip(model.variables, twin.variables, strict=True):
            theirs.assign(ours)
        return twin

    def push(self) -> None:
        """Gives the copy the model's values, and freezes what is frozen in it."""
        for ours, theirs in self._pairs:
            theirs.assign(ours)
        for layer, twin in self._layers:
            if twin.trainable != layer.trainable:
                twin.trainable = layer.trainable

    def pull(self) -> None:
        """Gives the model the copy's values."""
        for ours, theirs in self._pairs:
            # All replicas have the same; a mean over workers would be one more message.
            ours.assign(self.strategy.experimental_local_results(theirs)[0])

    def deal(self, batch: Split) -> tuple[Any, Any, Any]:
        """(inputs, labels, share of the batch) of each replica, as `run` takes them. The shares' sum is 1.

        A batch of fewer samples than replicas goes to each of them as a whole, at a share of 1 / replicas.
        """

        def dealt(context: Any) -> tuple[Any, Any, Any]:
            count, number = len(batch), int(context.replica_id_in_sync_group)
            whole = count < self.count
            start, end = (0, count) if whole else (count * place // self.count for place in (number, number + 1))
            part = batch.take(slice(start, end))
            share = 1 / self.count if whole else (end - start) / count
            tensors: tuple[Any, Any, Any] = tf.nest.map_structure(
                tf.constant, (part.inputs, part.labels, np.float32(share))
            )
            return tensors

        if self.count == 1:
            return batch.inputs, batch.labels, tf.constant(1.0)
        inputs, labels, share = self.strategy.experimental_distribute_values_from_function(dealt)
        return inputs, labels, share

    def copies_weight(self, batch: Split) -> Any:
        """What a sum over samples counts for, since `deal` may have given each replica the whole batch."""
        return tf.constant(1.0 if len(batch) >= self.count else 1 / self.count)


def summed(value: Any) -> Any:
    """The sum over all replicas; within a replica's function."""
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, value)
