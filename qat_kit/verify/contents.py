"""What a file is, in figures and in words, whatever it was to be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from qat_kit.litert.arena import PLANNED_TENSORS_AT_MOST, planned_bytes
from qat_kit.litert.macs import num_macs
from qat_kit.litert.records import Tensor
from qat_kit.results import Figures, Finding
from qat_kit.verify.acceleration import places
from qat_kit.verify.subject import Demand, Subject
from qat_kit.verify.versions import oldest_runtime

# What INT4 holds.
_PACKED_BITS = 4


def figures_of(subject: Subject) -> Figures:
    """What the file holds and costs."""
    graphs = subject.model.subgraphs
    judged = list(places(subject))
    accelerated = [place for place in judged if not place.obstacles]
    buffers = {tensor.buffer: tensor.num_constant_bytes for graph in graphs for tensor in graph.tensors}
    return Figures(
        contents=describe(subject),
        num_macs=sum(num_macs(graph, operator) for graph in graphs for operator in graph.operators),
        constant_bytes=sum(buffers.values()),
        arena_bytes=arena_bytes(subject),
        minimum_runtime=oldest_runtime(subject),
        judged_operators=len(judged),
        accelerated_operators=len(accelerated),
        accelerated_macs=sum(place.num_macs for place in accelerated),
    )


def arena_bytes(subject: Subject) -> int | None:
    """What LiteRT lays out for the activations of all subgraphs, each of which has an arena of its own.

    None where a graph has too many to plan.
    """
    planned = [planned_bytes(graph) for graph in subject.model.subgraphs]
    return None if None in planned else sum(filter(None, planned))


def describe(subject: Subject) -> str:
    """One line: the types of activations and of weights, and which operators are not LiteRT's own.

    Activations are what operators compute, weights the constants that the specification calls so.
    """
    computed = [
        tensor
        for step in subject.steps()
        for tensor in step.outputs
        if not tensor.is_constant and tensor.type not in ("RESOURCE", "VARIANT")
    ]
    weights = {(step.graph.index, weight.index): weight for step in subject.steps() for weight in step.stored_weights}
    parts = [f"activations {_types(computed)}"] if computed else []
    if weights:
        parts.append(f"weights {_types(weights.values())}{_granularity(weights.values())}{_unpacked(subject)}")
    custom = Counter(step.operator.op for step in subject.steps() if step.operator.is_custom)
    if custom:
        parts.append(f"custom operators {', '.join(sorted(custom))}")
    return "; ".join(parts) or "no operator"


def _types(tensors: Iterable[Tensor]) -> str:
    counted = Counter(tensor.type for tensor in tensors).most_common()
    if len(counted) == 1:
        return counted[0][0]
    return ", ".join(f"{name} ({count})" for name, count in counted)


def _granularity(weights: Iterable[Tensor]) -> str:
    quantized = [weight for weight in weights if weight.scale.size]
    if not quantized:
        return ""
    per_axis = sum(weight.scale.size > 1 for weight in quantized)
    asymmetric = any(weight.zero_point.any() for weight in quantized)
    where = {0: "per tensor", len(quantized): "per channel"}.get(per_axis, "per tensor and per channel")
    return f" {where}{', asymmetric' if asymmetric else ''}"


def _unpacked(subject: Subject) -> str:
    """The operators whose 4-bit codes take a byte each in a file that is to have few bits: kernels read no others."""
    bits = None if subject.scheme.weights is None else subject.scheme.weights.num_bits
    if bits is None or bits > _PACKED_BITS:
        return ""
    limit = 1 << (bits - 1)
    kept = {
        step.operator.op
        for step in subject.steps()
        for weight in step.stored_weights
        if weight.type == "INT8" and weight.data is not None and (np.abs(weight.data.astype(np.int16)) < limit).all()
    }
    return f", {bits}-bit codes a byte each in {', '.join(sorted(kept))}" if kept else ""


def arena(subject: Subject) -> tuple[Finding, ...]:
    """Whether activations take more memory than was allowed."""
    allowed, needed = subject.max_arena_bytes, arena_bytes(subject)
    if allowed is None or needed is None or needed <= allowed:
        return ()
    return (
        Finding(
            message=f"activations need an arena of {needed} bytes, and {allowed} were allowed",
            remedy="give the model a smaller input, or narrower layers where it is widest",
        ),
    )


def _arena_obstacle(subject: Subject) -> str:
    if subject.max_arena_bytes is None or arena_bytes(subject) is not None:
        return ""
    return f"a graph of more than {PLANNED_TENSORS_AT_MOST} activations is not planned; ask LiteRT itself"


DEMANDS = (
    Demand(
        name="memory arena",
        rule="activations, laid out as LiteRT's planner does (tflite/arena_planner.cc), fit what was allowed",
        find=arena,
        obstacle=_arena_obstacle,
    ),
)
