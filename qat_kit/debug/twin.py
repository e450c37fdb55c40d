"""A simulated model with some of its quantizers out, or others in: `Twin`. Needs TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.numerics import QuantParams
from qat_kit.numerics.error import sqnr_db
from qat_kit.prepare.reading import layer_calls
from qat_kit.simulation.quantizers.ranges import fake_quantized, range_of
from qat_kit.simulation.walk import quantized_layers
from qat_kit.simulation.wrapper import QuantizedLayer

if TYPE_CHECKING:
    import tf_keras


@dataclass(frozen=True, kw_only=True)
class Treatment:
    """What becomes of one layer: its kernel and its output quantized or not; params: in place of its own."""

    kernel: bool = True
    output: bool = True
    params: QuantParams | None = None


AS_TRAINED = Treatment()
FLOAT = Treatment(kernel=False, output=False)

Treat = Callable[[QuantizedLayer], Treatment]


class Twin:
    """A simulated model's layers, run one by one on a few batches.

    batches: each holds the arrays of all inputs, in the model's order.
    """

    def __init__(self, model: tf_keras.Model, batches: Sequence[Sequence[NDArray[Any]]]) -> None:
        self._calls = layer_calls(model)
        self._inputs = [tensor.node.layer.name for tensor in model.inputs]
        self._outputs = [tensor.node.layer.name for tensor in model.outputs]
        self._batches = batches
        self.layers = quantized_layers(model)
        self.reference = self.run(lambda layer: FLOAT)

    def run(
        self, treat: Treat, observe: Callable[[QuantizedLayer, Any], None] | None = None
    ) -> list[NDArray[np.float32]]:
        """Each output for all samples. observe: called with each layer and its output before the quantizer."""
        parts = [self._run_batch(batch, treat, observe) for batch in self._batches]
        return [np.concatenate(values) for values in zip(*parts, strict=True)]

    def sqnr_db(self, treat: Treat) -> float:
        """Of all outputs together, each as a share of its own reference's size, against the float model's."""
        sizes = [float(np.abs(output).max()) or 1.0 for output in self.reference]
        pairs = zip(self.reference, self.run(treat), sizes, strict=True)
        flat = [(before.ravel() / size, after.ravel() / size) for before, after, size in pairs]
        return sqnr_db(*(np.concatenate(side) for side in zip(*flat, strict=True)))

    def _run_batch(
        self,
        batch: Sequence[NDArray[Any]],
        treat: Treat,
        observe: Callable[[QuantizedLayer, Any], None] | None,
    ) -> list[NDArray[np.float32]]:
        values: dict[str, Any] = dict(zip(self._inputs, batch, strict=True))
        for call in self._calls:
            if call.name in values:
                continue
            sources = [values[name] for name in call.inputs]
            values[call.name] = self._apply(call.layer, sources[0] if len(sources) == 1 else sources, treat, observe)
        return [np.asarray(values[name], np.float32) for name in self._outputs]

    @staticmethod
    def _apply(layer: Any, feed: Any, treat: Treat, observe: Callable[[QuantizedLayer, Any], None] | None) -> Any:
        treatment = treat(layer)
        own = treatment.output and treatment.params is None
        kernel = None if treatment.kernel else layer.kernel
        value = layer.compute(feed, training=False, kernel=kernel, quantized=own)
        if observe is not None:
            observe(layer, value)
        if own:
            return layer.quantize_output(value)
        if treatment.output and treatment.params is not None and layer.quantize_config.output_quantizer:
            return fake_quantized(value, *range_of(treatment.params), treatment.params.spec)
        return value


def treating(changes: Mapping[str, Treatment], otherwise: Treatment = AS_TRAINED) -> Treat:
    """Some layers by name, and the rest alike."""
    return lambda layer: changes.get(layer.name, otherwise)
