"""Who runs each operator on the target, and what leaves the target's own kernels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from qat_kit.litert.macs import num_macs
from qat_kit.litert.records import Tensor
from qat_kit.numerics.types import TensorSpec
from qat_kit.results import Finding
from qat_kit.schemes import LayerScheme, decode_layer_scheme
from qat_kit.targets import LayerDescription, Obstacle
from qat_kit.verify.subject import Demand, Step, Subject

_WEIGHT_BITS = {"INT8": 8, "INT4": 4, "INT2": 2}
_ACTIVATION_BITS = {"INT8": 8, "INT16": 16}


@dataclass(frozen=True)
class Place:
    """Who runs an operator (None: nobody), why the target's own kernels do not, and its products."""

    step: Step
    runs_on: str | None
    obstacles: tuple[Obstacle, ...]
    num_macs: int


def places(subject: Subject) -> Iterator[Place]:
    """Every operator that the target's table can speak of: the specification knows it, and its types are int or float.

    Files in uint8, of which the tables say nothing, have none.
    """
    if subject.target is None:
        return
    for step in subject.steps():
        scheme = layer_scheme(step)
        if scheme is not None:
            runs_on, obstacles = subject.target.place(describe(step), scheme)
            yield Place(step, runs_on, tuple(obstacles), num_macs(step.graph, step.operator))


def layer_scheme(step: Step) -> LayerScheme | None:
    """What the types of an operator's tensors say that it is; None where no scheme says it."""
    if step.spec is None or not step.spec.carries_data:
        return None
    types = {tensor.type for tensor in (*step.data_inputs, *step.data_outputs)}
    if step.operator.op in ("QUANTIZE", "DEQUANTIZE"):
        types -= {"FLOAT32", "FLOAT16"}
    weights = next(iter(step.stored_weights), None)
    if types <= {"FLOAT32"}:
        return _float_scheme(step, weights)
    bits = _ACTIVATION_BITS.get(next(iter(types))) if len(types) == 1 else None
    if bits is None or (weights is not None and weights.type not in (*_WEIGHT_BITS, "INT16")):
        return None
    weight_bits = 8 if weights is None else _WEIGHT_BITS.get(weights.type, 8)
    return _with_granularity(decode_layer_scheme(f"w{weight_bits}a{bits}"), weights)


def _float_scheme(step: Step, weights: Tensor | None) -> LayerScheme | None:
    if weights is None or weights.type == "FLOAT32":
        return LayerScheme()
    if weights.type == "FLOAT16":
        return decode_layer_scheme("fp16")
    if weights.type not in _WEIGHT_BITS:
        return None
    stored = "weight_only" if weights not in step.constant_weights else "dynamic"
    return _with_granularity(decode_layer_scheme(f"w{_WEIGHT_BITS[weights.type]}_{stored}"), weights)


def _with_granularity(scheme: LayerScheme, weights: Tensor | None) -> LayerScheme:
    if weights is None or scheme.weights is None or weights.scale.size != 1:
        return scheme
    per_tensor = TensorSpec(num_bits=scheme.weights.num_bits, symmetric=True, narrow_range=True)
    return scheme.model_copy(update={"weights": per_tensor})


def describe(step: Step) -> LayerDescription:
    """An operator as targets ask about it."""
    options = step.operator.options
    weight = next(iter(step.stored_weights), None)
    activation = step.operator.fused_activation
    return LayerDescription(
        path=step.layer or f"operator {step.operator.index}",
        layer_class=step.operator.op,
        op=step.operator.op,
        input_shapes=tuple(tensor.shape for tensor in step.data_inputs),
        output_shapes=tuple(tensor.shape for tensor in step.outputs),
        weight_shape=None if weight is None else weight.shape,
        window=_pair(options, "filter_height", "filter_width"),
        strides=_pair(options, "stride_h", "stride_w"),
        dilations=_pair(options, "dilation_hfactor", "dilation_wfactor"),
        padding=options.get("padding") if options.get("padding") in ("SAME", "VALID") else None,
        fused_activation=None if activation == "NONE" else activation,
    )


def _pair(options: Any, height: str, width: str) -> tuple[int, int] | None:
    return (int(options[height]), int(options[width])) if height in options and width in options else None


def cannot_run(subject: Subject) -> tuple[Finding, ...]:
    """Operators that no kernel of the target takes."""
    return tuple(
        place.step.finding(
            f"cannot run on {subject.target.name if subject.target else ''}: {place.obstacles[-1].rule}",
            f"replace the layer, or choose another target [{place.obstacles[-1].source}]",
        )
        for place in places(subject)
        if place.runs_on is None
    )


def left_behind(subject: Subject) -> tuple[Finding, ...]:
    """Operators that run, but not on the target's own kernels: each is a break in the accelerated graph."""
    found = list(places(subject))
    total = sum(place.num_macs for place in found)
    return tuple(
        place.step.finding(
            f"runs on {place.runs_on}: {place.obstacles[0].rule}{_cost(place.num_macs, total)}",
            f"nothing where latency does not matter; else replace the layer [{place.obstacles[0].source}]",
        )
        for place in found
        if place.runs_on is not None and place.obstacles
    )


def _cost(num: int, total: int) -> str:
    return f", {100 * num / total:.1f} % of all products" if num and total else ""


DEMANDS = (
    Demand(
        name="runs on the target",
        rule="some kernel of the target takes every operator at its types (docs/targets.md)",
        find=cannot_run,
    ),
    Demand(
        name="accelerated path",
        rule="the target's own kernels take every operator (docs/targets.md)",
        find=left_behind,
        severity="warn",
    ),
)
