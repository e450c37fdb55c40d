"""One operator at its place in a model: `Site`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from qat_kit.simulation.integer.delegation import kernel_set_of
from qat_kit.simulation.integer.edges import Place, Source, carrier_of
from qat_kit.simulation.integer.gradient import straight_through, straight_through_quantizer
from qat_kit.simulation.integer.grid import Grid, grid_of
from qat_kit.simulation.integer.operands import Constant, constant_of
from qat_kit.simulation.quantizers import RangeQuantizer
from qat_kit.vocabulary import KernelSet

# What the file fuses, by the operator that the activation would be alone: its upper end.
_ENDS = {"RELU": None, "RELU6": 6.0}
# Nothing goes back through a ReLU at 0. Half a step up is 0 all the same, and this is far below that.
_ABOVE_ZERO = 2.0**-30


@dataclass(frozen=True, kw_only=True)
class Site:
    """What an integer kernel knows of its place.

    layer: the wrapped layer. taker: the layer of the activation that is fused, or None. carrier: the layer with the
    quantizer of the output. operands: the tensors that the operator reads, constants among them, in the file's order;
    inputs: their grids. output: the output's. constant: what the layer holds of the operands; None for none. lowest,
    highest: the steps between which the output is clipped, the fused activation's bounds among them.
    """

    layer: Any
    taker: Any
    carrier: Any
    kernel_set: KernelSet
    operands: tuple[Any, ...]
    inputs: tuple[Grid, ...]
    output: Grid
    constant: Constant | None
    lowest: Any
    highest: Any

    def clipped(self, steps: Any) -> Any:
        """Steps (float32, rounded or not) within the output's codes."""
        return tf.raw_ops.ClipByValue(t=steps, clip_value_min=self.lowest, clip_value_max=self.highest)

    def with_gradient_of(self, real: Callable[..., Any], integer: Callable[..., Any], *tensors: Any) -> Any:
        """Values of the output, with the gradient of the fake simulation: `real`, then activation and quantizer.

        integer: gives the values; where they lie within the output's codes; and the real values that `real` would give,
        or None where those are to be computed while the gradient is taken. real: the operator over real values.
        """
        if type(self.carrier.quantize_config.output_quantizer) is RangeQuantizer:
            # What it does to a gradient is known without the values: it passes, or does not.
            return straight_through(lambda *given: integer(*given)[:2], real, *tensors)

        def steps(*given: Any) -> tuple[Any, Any]:
            value, _, smooth = integer(*given)
            return value, smooth

        return straight_through_quantizer(steps, real, self._behind, tensors, learned_range(self.carrier))

    def through(self, integer: Callable[..., Any]) -> Any:
        """`integer(*operands)`, steps of the output, as real values, with the gradient of the fake simulation."""
        ranges = learned_range(self.carrier)
        count = len(self.operands)
        return straight_through(
            lambda *given: (integer(*given[:count]) * self.output.scale, None),
            lambda *given: self.fake(*given[:count], ranges=given[count:]),
            *self.operands,
            *ranges,
        )

    def computed(self, *operands: Any) -> Any:
        """What the layer computes of real values, before activation and quantizer."""
        if self.constant is not None:
            return self.constant.computed(self.layer, operands)
        return self.layer.compute(operands[0] if len(operands) == 1 else list(operands), training=False, quantized=True)

    def fake(self, *operands: Any, ranges: Sequence[Any] = ()) -> Any:
        """What the fake simulation makes of real operands here: the operator, activation, quantizer."""
        return self._behind(self.computed(*operands), *ranges)

    def _behind(self, value: Any, *ranges: Any) -> Any:
        """What the fake simulation does behind the operator."""
        if self.taker is not None:
            value = self.taker.compute(value, quantized=True)
        return quantized(self.carrier, value, *ranges)


def site_of(layer: Any, place: int, inputs: tuple[Any, ...]) -> Site:
    """A place of a wrapped layer, from its neighbours' variables."""
    there: Place = layer.edges.places[place]
    taker = there.taker
    carrier = carrier_of(Source(layer, place))
    output, kernel_set = grid_of(carrier), kernel_set_of(layer)
    lowest, highest = activation_steps(taker, output, kernel_set)
    operands = [(tensor, grid_of(carrier_of(source))) for tensor, source in zip(inputs, there.sources, strict=True)]
    constant = constant_of(layer.layer)
    if constant is not None:
        operands.insert(constant.position, (constant.value, constant.grid))
    return Site(
        layer=layer,
        taker=taker,
        carrier=carrier,
        kernel_set=kernel_set,
        operands=tuple(tensor for tensor, _ in operands),
        inputs=tuple(grid for _, grid in operands),
        output=output,
        constant=constant,
        lowest=lowest,
        highest=highest,
    )


def learned_range(layer: Any) -> tuple[Any, ...]:
    """The variables of a layer's own quantizer as tensors, where training moves them; else nothing."""
    if not layer.quantize_config.output_quantizer.is_learned:
        return ()
    return tuple(tf.convert_to_tensor(variable) for variable in layer.output_range.values())


def quantized(layer: Any, value: Any, *ranges: Any) -> Any:
    """Real values behind a layer's own quantizer; ranges: what `learned_range` gave."""
    variables = dict(zip(layer.output_range, ranges, strict=True)) if ranges else layer.output_range
    return layer.quantize_config.output_quantizer(value, None, variables)


def activation_steps(activation: Any, grid: Grid, kernel_set: KernelSet) -> tuple[Any, Any]:
    """Lowest and highest steps behind a fused activation; all codes where the layer is none, or None.

    The steps of its bound are rounded half away from zero, and on XNNPACK, after the zero point is added, half to even:
    `qat_kit.kernels.activation`.
    """
    op = None if activation is None else activation.quantize_config.op
    if op not in _ENDS:
        return grid.lowest, grid.highest
    lowest, highest = tf.maximum(grid.lowest, _ABOVE_ZERO), grid.highest
    end = _ENDS[op]
    if end is None:
        return lowest, highest
    steps = end / grid.scale
    if kernel_set == "xnnpack":
        whole = tf.round(steps + grid.zero_point) - grid.zero_point
    else:
        # As exact as adding ½ is not: below 1, ½ less a little would become 1.
        below = tf.floor(steps)
        whole = below + tf.cast(steps - below >= 0.5, tf.float32)
    return lowest, tf.minimum(highest, whole)
