"""Ranges from data: every quantizer gets its range before the first training step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from qat_kit.numerics import QuantParams, TensorSpec, choose_qparams, get_range_estimator
from qat_kit.simulation.walk import quantized_layers, walk
from qat_kit.simulation.wrapper import QuantizedLayer


class Calibrator:
    """Sets the ranges of a simulated model from what flows through it, weights quantized, activations not.

    estimator: a range estimator's name. Layers of one group get one range over all of their values; a range that the
    specification fixes is set to that. Traced once, so that calibrating again between epochs costs a forward pass.
    """

    def __init__(self, model: tf_keras.Model, *, estimator: str = "min_max") -> None:
        self._estimator = estimator
        self._layers = quantized_layers(model)
        self._observed = _observed(model)

    def __call__(self, batches: Iterable[Sequence[np.ndarray]], *, again: bool = False) -> None:
        """Calibrates on batches; each holds the arrays of all inputs, in the model's order.

        again: between epochs. What training learns, and the layers that are frozen (`trainable = False`), then stay as
        they are; a group stays as soon as one of its layers does.
        """
        for layer in self._layers:
            quantizer = layer.quantize_config.weight_quantizer
            if quantizer and (not again or (quantizer.is_measured and layer.trainable)):
                quantizer.initialize(layer.kernel.numpy(), layer.kernel_range)
        kept = {layer.quantize_config.group for layer in self._layers if again and _stays(layer)}
        observers: dict[str, Any] = {}
        for batch in batches:
            for group, values in self._observed([tf.constant(array) for array in batch]):
                if group not in kept:
                    observers.setdefault(group, get_range_estimator(self._estimator)).update(values)
        for layer in self._layers:
            config = layer.quantize_config
            if config.output_quantizer is None or config.group in kept:
                continue
            spec = config.output_quantizer.spec
            params = _fixed(config.fixed, spec) if config.fixed else _chosen(observers[config.group], spec)
            config.output_quantizer.assign(layer.output_range, params)


def _stays(layer: QuantizedLayer) -> bool:
    quantizer = layer.quantize_config.output_quantizer
    return quantizer is not None and (quantizer.is_learned or not layer.trainable)


def _observed(model: tf_keras.Model) -> Any:
    """A function from inputs to (group, values) of every quantizer whose range data decides."""
    groups = [
        layer.quantize_config.group
        for layer in quantized_layers(model)
        if layer.quantize_config.quantizes_output and not layer.quantize_config.fixed
    ]

    @tf.function(reduce_retracing=True)
    def outputs(inputs: list[Any]) -> list[Any]:
        values: list[Any] = []

        def observe(layer: QuantizedLayer, value: Any) -> None:
            if layer.quantize_config.quantizes_output and not layer.quantize_config.fixed:
                # A row that calibration did not meet must fit the range, too.
                values.append(getattr(layer.layer, "embeddings", layer.observed(value)))

        walk(model, inputs, quantize_outputs=False, observe=observe)
        return values

    return lambda inputs: zip(groups, (value.numpy() for value in outputs(inputs)), strict=True)


def _fixed(fixed: tuple[float, int], spec: TensorSpec) -> QuantParams:
    scale, zero_point = fixed
    return QuantParams(spec=spec, scale=np.array(scale, np.float32), zero_point=np.array(zero_point, np.int32))


def _chosen(observer: Any, spec: TensorSpec) -> QuantParams:
    minimum, maximum = observer.range()
    return choose_qparams(minimum, maximum, spec)
