"""What the integer forward pass does not compute is refused by name, before training: `refuse_uncovered`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import tf_keras

from qat_kit.errors import SchemeError
from qat_kit.layers import Reduce
from qat_kit.simulation.integer.accumulate import LARGEST_SUM
from qat_kit.simulation.integer.delegation import products_per_sum
from qat_kit.simulation.integer.forward import COMPUTED, MOVING
from qat_kit.simulation.integer.grid import KNOWN_QUANTIZERS
from qat_kit.simulation.integer.options import GLOBAL_AXES
from qat_kit.simulation.operators import IDENTITY, LIVE_BATCH_NORM
from qat_kit.vocabulary import KernelSet

_layers = tf_keras.layers

# Operators that more layers become than are covered here: those that are.
_LAYERS: Mapping[str, tuple[type, ...]] = {
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
    op, quantizer = config.op, config.output_quantizer
    if quantizer is not None and (type(quantizer) not in KNOWN_QUANTIZERS or quantizer.num_bits != 8):
        yield f"{type(quantizer).__name__} with {quantizer.num_bits} bits has no integer forward pass"
    if op in (IDENTITY, LIVE_BATCH_NORM) or config.fused or op in MOVING:
        return
    if op not in COMPUTED or kind not in _LAYERS.get(op, (kind,)):
        yield f"as {op} it has no integer forward pass"
    elif op == "SUM" and kernel_set == "reference":
        yield "the reference kernel reads signed codes as unsigned ones"
    elif config.weight_quantizer is not None:
        num_products = products_per_sum(wrapper.kernel.shape, config.weight_quantizer.channel_axes)
        if num_products > LARGEST_SUM:
            yield f"{num_products} products in one sum; at most {LARGEST_SUM} are exact in float32"
