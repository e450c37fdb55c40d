"""The file's activations are those of training: every scale and zero point to the bit.

These demands are for files whose training is known (`Subject.trained`); `training_constants` has those on weights.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qat_kit.litert.records import Subgraph, Tensor
from qat_kit.results import Finding
from qat_kit.verify import training_constants
from qat_kit.verify.subject import INTEGER_RANGES, Demand, Step, Subject
from qat_kit.verify.training_names import CONVERT_AGAIN, in_words, is_equal, layers_of, trained_in_words, trained_of


def outputs(subject: Subject) -> tuple[Finding, ...]:
    """Trained outputs that the file does not hold with the same scale and zero point."""
    return tuple(_differing_outputs(subject))


def _differing_outputs(subject: Subject) -> Iterator[Finding]:
    trained = trained_of(subject).outputs
    held: set[str] = set()
    named: set[str] = set()
    for graph, tensor, layers in _activations(subject):
        matching = [layer for layer in layers if is_equal(tensor, trained[layer])]
        held.update(matching)
        # A reshape before a layer is named after it and keeps the scale of what it moves; `same_scale` answers for it.
        if not layers or matching or _keeps_scale(subject.maker(graph, tensor), tensor):
            continue
        named.update(layers)
        yield subject.finding(
            f"tensor {tensor.name!r} has {in_words(tensor)}, and training used "
            + ", or ".join(f"{trained_in_words(trained[layer])} for layer {layer!r}" for layer in layers),
            CONVERT_AGAIN,
            graph=graph,
            tensor=tensor,
        )
    for step, inner, outer in _ends_of_other_types(subject):
        if outer.type == "UINT8" and inner.type == "INT8" and not _is_shifted(inner, outer):
            yield step.finding(
                f"has the end {outer.name!r} with {in_words(outer)}, and within are {in_words(inner)}: "
                "unsigned codes are the signed ones and 128",
                CONVERT_AGAIN,
                outer,
            )
    for layer in trained:
        if layer not in held | named:
            yield Finding(
                message=f"the output of layer {layer!r}, trained with {trained_in_words(trained[layer])}, is not in "
                "the file",
                remedy=CONVERT_AGAIN,
                layer=layer,
            )


def untrained(subject: Subject) -> tuple[Finding, ...]:
    """Activations whose scale and zero point come neither from training nor from the specification."""
    return tuple(
        subject.finding(
            f"tensor {tensor.name!r} has {in_words(tensor)}, which training did not set: the converter filled it in",
            "give the layer a quantizer in training, and calibrate it before the first step",
            graph=graph,
            tensor=tensor,
        )
        for graph, tensor, layers in _activations(subject)
        if not layers and not _is_derived(subject.maker(graph, tensor), tensor)
    )


def _activations(subject: Subject) -> Iterator[tuple[Subgraph, Tensor, list[str]]]:
    """Every quantized tensor that is no constant, with the trained layers that its name holds.

    Without inputs and outputs of another type than what is within: what training used is the tensor behind them.
    """
    trained = trained_of(subject).outputs
    ends = {(step.graph.index, outer.index) for step, _, outer in _ends_of_other_types(subject)}
    for graph in subject.model.subgraphs:
        for tensor in graph.tensors:
            is_end = (graph.index, tensor.index) in ends
            if tensor.type in INTEGER_RANGES and tensor.scale.size and not tensor.is_constant and not is_end:
                yield graph, tensor, layers_of(subject, graph, tensor, trained)


def _ends_of_other_types(subject: Subject) -> Iterator[tuple[Step, Tensor, Tensor]]:
    """(operator, inner, outer) of each conversion between an integer input or output and what is within."""
    for step in subject.steps():
        ends = step.converted_ends
        if ends is not None and ends[1].type in INTEGER_RANGES:
            yield step, *ends


def _is_shifted(inner: Tensor, outer: Tensor) -> bool:
    return np.array_equal(inner.scale, outer.scale) and np.array_equal(inner.zero_point + 128, outer.zero_point)


def _is_derived(step: Step | None, tensor: Tensor) -> bool:
    """Whether the specification says what the parameters must be, so that other checks answer for them."""
    if step is None or step.spec is None:
        return False
    return _keeps_scale(step, tensor) or step.spec.fixed_output is not None


def _keeps_scale(step: Step | None, tensor: Tensor) -> bool:
    """Whether the operator that makes the tensor must keep the scale of its input."""
    bits = 16 if tensor.type == "INT16" else 8
    return step is not None and step.spec is not None and bits in step.spec.same_scale_bits


DEMANDS = (
    Demand(
        name="trained outputs",
        rule="every output that training quantized is in the file with the same scale and zero point, to the bit",
        find=outputs,
    ),
    *training_constants.DEMANDS,
    Demand(
        name="nothing filled in",
        rule="every activation has its parameters from training or from the specification, none from the converter",
        find=untrained,
    ),
)
