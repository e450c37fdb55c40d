"""What the integer forward pass does not compute is refused by name, before training: `refuse_uncovered`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import tf_keras

from qat_kit.errors import SchemeError
from qat_kit.layers import Reduce
from qat_kit.simulation.integer.accumulate import LARGEST_SUM
from qat_kit.simulation.integer.forward import COMPUTED, MOVING
from qat_kit.simulation.integer.linear import products_per_sum
from qat_kit.simulation.integer.options import GLOBAL_AXES
from qat_kit.simulation.operators import IDENTITY, LIVE_BATCH_NORM
from qat_kit.simulation.quantizers import PerChannelWeightQuantizer, RangeQuantizer
from qat_kit.vocabulary import KernelSet

_layers = tf_keras.layers

# Operators that more layers become than are covered here: those that are.
_LAYERS: Mapping[str, tuple[type, ...]] = {
    "ADD": (_layers.Add,),
    "SUB": (_layers.Subtract,),
    "MUL": (_layers.Multiply,),
    "MAXIMUM": (_layers.Maximum,),
    "MINIMUM": (_layers.Minimum,),
    "GELU": (_layers.Activation,),
    "CONV_2D": (_layers.Conv2D,),
    "DEPTHWISE_CONV_2D": (_layers.DepthwiseConv2D,),
    "MEAN": (*GLOBAL_AXES, Reduce),
    "AVERAGE_POOL_2D": (_layers.AveragePooling2D,),
}


def refuse_uncovered(layers: Iterable[Any], kernel_set: KernelSet) -> None:
    """Raises SchemeError with every wrapped layer whose integers are not computed here, and why."""
    reasons = [(layer, reason) for layer in layers for reason in _reasons(layer, kernel_set)]
    if reasons:
        raise SchemeError(
            f"forward='integer' cannot compute what kernel set {kernel_set!r} computes for this model:\n"
            + "\n".join(f"  layer {layer.name!r} ({type(layer.layer).__name__}): {reason}" for layer, reason in reasons)
            + "\nTrain it with forward='fake'."
        )


def _reasons(wrapper: Any, kernel_set: KernelSet) -> Iterator[str]:
    config, kind = wrapper.quantize_config, type(wrapper.layer)
    op = config.op
    for quantizer, covered in (
        (config.weight_quantizer, PerChannelWeightQuantizer),
        (config.output_quantizer, RangeQuantizer),
    ):
        if quantizer is not None and (type(quantizer) is not covered or quantizer.spec.num_bits != 8):
            yield f"{type(quantizer).__name__} with {quantizer.spec.num_bits} bits has no integer forward pass"
    if op == LIVE_BATCH_NORM:
        yield "it is still in training, and a file has none; fold it first (batch_norm='fold')"
    elif op == IDENTITY or config.fused:
        return
    elif op not in COMPUTED.keys() | MOVING or kind not in _LAYERS.get(op, (kind,)):
        yield f"as {op} it has no integer forward pass"
    elif op in MOVING:
        return
    elif len(wrapper.inbound_nodes) > 1:
        yield "it is called at several places, which differ in scales"
    elif op == "SUM" and kernel_set == "reference":
        yield "the reference kernel reads signed codes as unsigned ones"
    elif config.weight_quantizer is not None:
        num_products = products_per_sum(wrapper.kernel.shape, config.weight_quantizer.channel_axes)
        if num_products > LARGEST_SUM:
            yield f"{num_products} products in one sum; at most {LARGEST_SUM} are exact in float32"
