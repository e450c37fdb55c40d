"""One operator at its place in a model: `Site`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from qat_kit.simulation.integer.edges import range_variables
from qat_kit.simulation.integer.gradient import straight_through
from qat_kit.simulation.integer.grid import Grid, grid_of
from qat_kit.vocabulary import KernelSet

# What the file fuses, by the operator that the activation would be alone: its upper end.
_ENDS = {"RELU": None, "RELU6": 6.0}
# Nothing goes back through a ReLU at 0. Half a step up is 0 all the same, and this is far below that.
_ABOVE_ZERO = 2.0**-30


@dataclass(frozen=True, kw_only=True)
class Site:
    """What an integer kernel knows of its place.

    layer: the wrapped layer. inputs, output: grids. lowest, highest: the steps between which the output is clipped,
    the fused activation's bounds among them.
    """

    layer: Any
    kernel_set: KernelSet
    inputs: tuple[Grid, ...]
    output: Grid
    lowest: Any
    highest: Any

    def clipped(self, steps: Any) -> Any:
        """Steps (float32, rounded or not) within the output's codes."""
        return tf.raw_ops.ClipByValue(t=steps, clip_value_min=self.lowest, clip_value_max=self.highest)

    def through(self, integer: Callable[..., Any], *tensors: Any) -> Any:
        """`integer(*tensors)`, steps of the output, as real values, with the gradient of the fake simulation."""
        return straight_through(lambda *given: (integer(*given) * self.output.scale, None), self._fake, *tensors)

    def _fake(self, *tensors: Any) -> Any:
        layer = self.layer
        value = layer.compute(tensors[0] if len(tensors) == 1 else list(tensors), training=False, quantized=True)
        if layer.edges.taker is not None:
            layer = layer.edges.taker
            value = layer.compute(value, quantized=True)
        return layer.quantize_output(value)


def site_of(layer: Any) -> Site:
    """The place of a wrapped layer, from its neighbours' variables."""
    output = grid_of(range_variables(layer))
    lowest, highest = output.lowest, output.highest
    if layer.edges.taker is not None:
        lowest, highest = activation_steps(layer.edges.taker, output)
    return Site(
        layer=layer,
        kernel_set=layer.quantize_config.kernel_set,
        inputs=tuple(grid_of(range_variables(source)) for source in layer.edges.sources),
        output=output,
        lowest=lowest,
        highest=highest,
    )


def activation_steps(activation: Any, grid: Grid) -> tuple[Any, Any]:
    """Lowest and highest steps behind a fused activation.

    The steps of its bound are rounded half away from zero, and on XNNPACK, after the zero point is added, half to even:
    `qat_kit.kernels.activation`.
    """
    lowest, highest = tf.maximum(grid.lowest, _ABOVE_ZERO), grid.highest
    end = _ENDS[activation.quantize_config.op]
    if end is None:
        return lowest, highest
    steps = end / grid.scale
    if activation.quantize_config.kernel_set == "xnnpack":
        whole = tf.round(steps + grid.zero_point) - grid.zero_point
    else:
        # As exact as adding ½ is not: below 1, ½ less a little would become 1.
        below = tf.floor(steps)
        whole = below + tf.cast(steps - below >= 0.5, tf.float32)
    return lowest, tf.minimum(highest, whole)
