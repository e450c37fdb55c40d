"""A runtime and what it permits: `Target`, and its two questions, `check` and `fallbacks`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from qat_kit.numerics.types import TensorSpec
from qat_kit.schemes import LayerScheme, QuantScheme, decode_layer_scheme
from qat_kit.spec import op_spec
from qat_kit.targets.types import (
    Fallback,
    LayerDescription,
    ModelDescription,
    OpSupport,
    Signature,
    Violation,
    activation_type,
    weight_types,
)

KernelSet = Literal["reference", "builtin", "xnnpack"]

# What `check` offers in place of a scheme that is not permitted, the dearest to the user first.
_OFFERS = ("w8a8", "w4a8", "w8a16", "w8_dynamic", "w4_weight_only", "fp16")


@dataclass(frozen=True)
class Obstacle:
    """Why a runtime does not take a layer."""

    rule: str
    source: str
    nearest: str | None = None


@dataclass(frozen=True, kw_only=True)
class Target:
    """A runtime, what it computes itself, and what runs in its stead where it does not.

    name: as in `--target`.
    source: the document or file that the table was read from.
    ops: what the runtime's own kernels take, one entry a LiteRT op.
    kernel_set: the LiteRT kernel set that stands for this runtime on the machine at hand, None where none does.
    fallback: the runtime that takes the ops that this one does not; None: such an op cannot run at all.
    notes: what its user should know, each with its source.
    """

    name: str
    source: str
    ops: tuple[OpSupport, ...] = field(repr=False)
    kernel_set: KernelSet | None = None
    fallback: Target | None = None
    notes: tuple[str, ...] = ()

    @cached_property
    def _by_op(self) -> Mapping[str, OpSupport]:
        return {support.op: support for support in self.ops}

    def support(self, op: str) -> OpSupport | None:
        """What the runtime's own kernels take of one LiteRT op; None: nothing."""
        return self._by_op.get(op)

    def accelerates(self, layer: LayerDescription, scheme: LayerScheme) -> bool:
        """Whether the runtime's own kernels take this layer under this scheme."""
        return self._obstacle(layer, scheme) is None

    def runs_on(self, layer: LayerDescription, scheme: LayerScheme) -> str | None:
        """The name of the runtime whose kernels take the layer: this one, its fallback, or None where nobody does."""
        if self.accelerates(layer, scheme):
            return self.name
        return self.fallback.runs_on(layer, scheme) if self.fallback is not None else None

    def check(self, scheme: QuantScheme, model: ModelDescription) -> list[Violation]:
        """Every layer that could not run under the scheme, with the rule, its source and the nearest choice.

        Raises SchemeError when the scheme's own rules do not fit the model.
        """
        return [
            self._violation(layer, layer_scheme, obstacles[-1])
            for layer, layer_scheme, runs_on, obstacles in self._place(scheme, model)
            if runs_on is None
        ]

    def fallbacks(self, scheme: QuantScheme, model: ModelDescription) -> list[Fallback]:
        """Every layer that runs, but on the fallback's kernels: a break in the accelerated graph.

        Raises SchemeError when the scheme's own rules do not fit the model.
        """
        return [
            Fallback(
                layer=layer.path, op=layer.op, runs_on=runs_on, reason=obstacles[0].rule, source=obstacles[0].source
            )
            for layer, _, runs_on, obstacles in self._place(scheme, model)
            if runs_on is not None and obstacles
        ]

    def _place(
        self, scheme: QuantScheme, model: ModelDescription
    ) -> Iterator[tuple[LayerDescription, LayerScheme, str | None, list[Obstacle]]]:
        """Each layer with what it becomes, who runs it, and why those asked before did not."""
        scheme.check_rules((layer.path, layer.layer_class) for layer in model.layers)
        for layer in model.layers:
            layer_scheme = scheme.for_layer(layer.path, layer.layer_class)
            yield layer, layer_scheme, *self.place(layer, layer_scheme)

    def place(self, layer: LayerDescription, scheme: LayerScheme) -> tuple[str | None, list[Obstacle]]:
        """Who runs a layer (None: nobody), and why each runtime that was asked before did not take it."""
        obstacles: list[Obstacle] = []
        runtime: Target | None = self
        while runtime is not None and (obstacle := runtime._obstacle(layer, scheme)) is not None:
            obstacles.append(obstacle)
            runtime = runtime.fallback
        return runtime.name if runtime is not None else None, obstacles

    def _obstacle(self, layer: LayerDescription, scheme: LayerScheme) -> Obstacle | None:
        support = self.support(layer.op)
        if support is None:
            return Obstacle(f"{self.name} has no kernel for {layer.op}", self.source)
        if not any(_fits(signature, layer, scheme) for signature in support.signatures):
            kernels = ", ".join(map(str, support.signatures))
            return Obstacle(f"{self.name} computes {layer.op} in {kernels} only", support.source)
        for limit in support.limits:
            value = layer.measure(limit.subject)
            applies = limit.padding is None or limit.padding == layer.padding
            if applies and value is not None and not limit.is_kept(value):
                return Obstacle(
                    f"{self.name} takes {layer.op} with {limit}, received {value:g}",
                    limit.source,
                    f"{limit.subject} {limit.nearest(value):g}",
                )
        return None

    def _violation(self, layer: LayerDescription, scheme: LayerScheme, obstacle: Obstacle) -> Violation:
        nearest = obstacle.nearest or self._nearest(layer, scheme)
        return Violation(
            layer=layer.path,
            rule=obstacle.rule,
            source=obstacle.source,
            nearest=nearest,
            message=(
                f"layer {layer.path!r} ({layer.layer_class}) asks for {_describe(scheme)}, but {obstacle.rule} "
                f"[{obstacle.source}]. Nearest permitted: {nearest}"
            ),
        )

    def _nearest(self, layer: LayerDescription, scheme: LayerScheme) -> str:
        offers = {name: decode_layer_scheme(name) for name in _OFFERS}
        permitted = [name for name, offer in offers.items() if self.runs_on(layer, offer) is not None]
        if not permitted:
            return f"none: replace the {layer.layer_class} layer or choose another target"
        return min(permitted, key=lambda name: _distance(scheme, offers[name]))


def _fits(signature: Signature, layer: LayerDescription, scheme: LayerScheme) -> bool:
    spec = op_spec(layer.op)
    if not spec.carries_data:
        return True
    activations = activation_type(scheme)
    if signature.weights is None:
        # Without weights there is nothing to quantize a dynamic input for: the op computes in float.
        return signature.activations == ("float32" if activations == "dynamic" else activations)
    if signature.activations != activations or signature.weights not in weight_types(scheme):
        return False
    if not signature.is_aligned(layer.weight_shape):
        return False
    # Where the op has no channel dimension, a scheme that asks for a scale a channel gets one for all.
    per_tensor_only = spec.weight_axis is None
    return scheme.weights is None or per_tensor_only or scheme.weights.granularity in signature.granularities


def _describe(scheme: LayerScheme) -> str:
    weights = f"{scheme.weights.num_bits}-bit weights" if scheme.weights else f"float{scheme.float_bits} weights"
    activations = f"{scheme.activations.num_bits}-bit" if scheme.activations else "float"
    return f"{weights}, {activations} activations ({scheme.activation_mode})"


def _distance(wish: LayerScheme, offer: LayerScheme) -> tuple[bool, int, int]:
    """How far an offer lies from a wish: first the kind of activations, then their bits, then those of weights."""
    return (
        wish.activation_mode != offer.activation_mode,
        abs(_bits(wish.activations, wish.float_bits) - _bits(offer.activations, offer.float_bits)),
        abs(_bits(wish.weights, wish.float_bits) - _bits(offer.weights, offer.float_bits)),
    )


def _bits(spec: TensorSpec | None, float_bits: int) -> int:
    return float_bits if spec is None else spec.num_bits
