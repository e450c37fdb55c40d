"""The integer forward pass of one wrapped layer, operator by operator: `integer_forward`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from qat_kit.errors import ModelError
from qat_kit.simulation.integer.by_numpy import by_numpy, by_table
from qat_kit.simulation.integer.edges import Source, carrier_of
from qat_kit.simulation.integer.gradient import straight_through
from qat_kit.simulation.integer.grid import grid_of
from qat_kit.simulation.integer.linear import linear
from qat_kit.simulation.integer.matmul import multiply_matrices
from qat_kit.simulation.integer.mean import mean
from qat_kit.simulation.integer.noise import noisy
from qat_kit.simulation.integer.pooling import average_pool
from qat_kit.simulation.integer.products import multiply_tensors
from qat_kit.simulation.integer.site import Site, activation_steps, learned_range, quantized, site_of
from qat_kit.simulation.integer.sums import add_or_subtract
from qat_kit.simulation.operators import IDENTITY

# Operators whose results are not among their inputs: each kernel set has arithmetic of its own.
COMPUTED: Mapping[str, Callable[[Site], Any]] = {
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"), linear),
    **dict.fromkeys(("ADD", "SUB"), add_or_subtract),
    "AVERAGE_POOL_2D": average_pool,
    "MUL": multiply_tensors,
    "BATCH_MATMUL": multiply_matrices,
    "MEAN": mean,
    **dict.fromkeys(("SUM", "SOFTMAX", "LOG_SOFTMAX", "L2_NORMALIZATION"), by_numpy),
    **dict.fromkeys(("DIV", "PRELU", "RESIZE_BILINEAR"), by_numpy),
    **dict.fromkeys(("LOGISTIC", "TANH", "LEAKY_RELU", "RELU", "RELU6", "GELU", "HARD_SWISH"), by_table),
    **dict.fromkeys(("ABS", "EXP", "LOG", "SQRT", "RSQRT"), by_table),
}
# Operators that carry codes from place to place, or choose among them: the same on codes as on the real values that
# they stand for, since input and output lie on one grid. The rows that an embedding gathers, and constants that are
# chosen among, are put on theirs. Comparisons answer with truth values, which have none.
MOVING = frozenset(
    (
        *(
            "GATHER",
            "RESHAPE",
            "TRANSPOSE",
            "PAD",
            "STRIDED_SLICE",
            "CONCATENATION",
            "DEPTH_TO_SPACE",
            "SPACE_TO_DEPTH",
        ),
        *("MAX_POOL_2D", "REDUCE_MAX", "REDUCE_MIN", "MAXIMUM", "MINIMUM", "RESIZE_NEAREST_NEIGHBOR"),
        *("PADV2", "SELECT_V2", "NOT_EQUAL", "GREATER"),
    )
)


@tf.autograph.experimental.do_not_convert
def integer_forward(layer: Any, inputs: Any, *, training: Any, place: int) -> Any:
    """What the file computes at this layer, as real values on its grid. place: which of its calls in the model it is.

    Raises ModelError where it is not known which layers feed it.
    """
    config, edges = layer.quantize_config, layer.edges
    if not edges.places:
        raise ModelError(
            f"layer {layer.name!r} computes integers and does not know which layers feed it: call it within a "
            "Functional model"
        )
    if config.fused:
        return _activated(layer, inputs)
    if _quantizes_shared_place(layer):
        return inputs
    if config.op == IDENTITY or config.op in MOVING:
        value = layer.compute(inputs, training=training, quantized=True)
        return _quantized(layer, value) if config.quantizes_output else value
    site = site_of(layer, place, tuple(inputs) if isinstance(inputs, list | tuple) else (inputs,))
    value = COMPUTED[config.op](site)
    if config.rounding_noise and training:
        value = noisy(site, value, share=config.rounding_noise, source=layer._random_generator)
    return value


def _quantizes_shared_place(layer: Any) -> bool:
    """Whether a layer stands there to quantize one place of a shared operator, which has done so already."""
    source = layer.edges.places[0].sources[0]
    if not hasattr(source.layer, "edges") or source.layer.quantize_config.op not in COMPUTED:
        return False
    return source.layer.edges.places[source.place].taker is layer


def _quantized(layer: Any, value: Any) -> Any:
    """Real values put on a grid as `qat_kit.numerics.quantize` does it: divided in float32, half to even."""
    grid = grid_of(layer)

    def integer(value: Any, *ranges: Any) -> tuple[Any, None]:
        del ranges
        steps = tf.round(value / grid.scale)
        return tf.raw_ops.ClipByValue(
            t=steps, clip_value_min=grid.lowest, clip_value_max=grid.highest
        ) * grid.scale, None

    return straight_through(
        integer, lambda value, *ranges: quantized(layer, value, *ranges), value, *learned_range(layer)
    )


def _activated(layer: Any, value: Any) -> Any:
    """A fused activation: its producer has clipped already, unless it only moves codes; a dropout may stand between."""
    source = layer.edges.places[0].sources[0].layer
    if source.quantize_config.op in COMPUTED:
        return value
    carrier = carrier_of(Source(layer, 0))
    grid = grid_of(carrier)
    lowest, highest = activation_steps(layer, grid, layer.quantize_config.kernel_set)

    def integer(value: Any, *ranges: Any) -> tuple[Any, None]:
        del ranges
        steps = tf.raw_ops.ClipByValue(t=grid.steps(value), clip_value_min=lowest, clip_value_max=highest)
        return tf.round(steps) * grid.scale, None

    def real(value: Any, *ranges: Any) -> Any:
        value = layer.compute(value, quantized=True)
        return quantized(layer, value, *ranges) if carrier is layer else value

    return straight_through(integer, real, value, *(learned_range(layer) if carrier is layer else ()))
