"""Nothing in the file computes with floats."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from qat_kit.litert.records import Subgraph, Tensor
from qat_kit.results import Finding
from qat_kit.verify.subject import INTEGER_RANGES, Demand, Step, Subject
from qat_kit.vocabulary import IoType

_KNOWN_CUSTOM = {
    "edgetpu-custom-op": (
        "is code for the Edge TPU: what it computes can no longer be read",
        "verify the file that was given to edgetpu_compiler",
    ),
    "ethos-u": (
        "is code for an Arm Ethos-U: what it computes can no longer be read",
        "verify the file that was given to Vela",
    ),
    "TFLite_Detection_PostProcess": (
        "computes in float: LiteRT has no integer form of it",
        "end the model before it, and do its work in the app",
    ),
}
_CONVERSIONS = ("QUANTIZE", "DEQUANTIZE", "CAST")
_CONTROL_FLOW = ("WHILE", "IF", "CALL", "CALL_ONCE")
_COMPARISONS = ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL")
_IO_TYPES = tuple(name.upper() for name in get_args(IoType))


def float_tensors(subject: Subject) -> tuple[Finding, ...]:
    """Every tensor of floats, but for float inputs and outputs that were asked for."""
    return tuple(
        subject.finding(
            f"tensor {tensor.name!r} is {tensor.type}",
            "every layer must be quantized: find the layer in the model and give it a form that the scheme knows"
            + ("" if subject.float_io else ", or ask for float inputs and outputs where this is one"),
            graph=graph,
            tensor=tensor,
        )
        for graph in subject.model.subgraphs
        for tensor in graph.tensors
        if tensor.is_float and not subject.is_asked_for(graph, tensor) and not _is_intermediate(subject, graph, tensor)
    )


def float_ops(subject: Subject) -> tuple[Finding, ...]:
    """Every operator that computes with floats; conversions to and from float are the next check's."""
    return tuple(
        step.finding(
            "carries floats into its subgraph" if step.operator.op in _CONTROL_FLOW else "computes in float",
            _float_op_remedy(step),
            next(tensor for tensor in (*step.outputs, *step.inputs) if tensor.is_float),
        )
        for step in subject.steps()
        if step.operator.op not in _CONVERSIONS and _touches_float(step)
    )


def conversions(subject: Subject) -> tuple[Finding, ...]:
    """Every QUANTIZE, DEQUANTIZE or CAST from or to float, but at asked-for float inputs and outputs."""
    return tuple(
        step.finding(
            f"converts {step.inputs[0].type} to {step.outputs[0].type}: the edge of a float island",
            "quantize the layers on both sides of it, or convert with float inputs and outputs where it stands at one",
            step.outputs[0],
        )
        for step in subject.steps()
        if step.operator.op in _CONVERSIONS and step.inputs and step.outputs
        if _touches_float(step) and not _is_boundary(step)
    )


def custom_ops(subject: Subject) -> tuple[Finding, ...]:
    """Every operator that is not LiteRT's own: what it computes is not in the file."""
    return tuple(
        step.finding(*_KNOWN_CUSTOM.get(step.operator.op, _flex(step.operator.op)))
        for step in subject.steps()
        if step.operator.is_custom
    )


def _flex(op: str) -> tuple[str, str]:
    if op.startswith("Flex"):
        return (
            f"is TensorFlow's own operator {op.removeprefix('Flex')}, which needs all of TensorFlow in the app",
            "replace the layer by one that LiteRT has, and convert without SELECT_TF_OPS",
        )
    return (
        "is a custom operator, and nothing is known of what it computes",
        "replace it by LiteRT's own operators, or verify the file without it",
    )


def interface(subject: Subject) -> tuple[Finding, ...]:
    """Every input and output of another type than was asked for. Indices in and answers out may be plain integers."""
    wanted = subject.io_type
    graph = subject.model.subgraphs[0]
    ends = [("input", index) for index in graph.inputs] + [("output", index) for index in graph.outputs]
    return tuple(
        subject.finding(
            f"{side} {tensor.name!r} is {tensor.type}, not {wanted}",
            f"convert with inference_input_type and inference_output_type {wanted.lower()}"
            + (f", or say that {tensor.type.lower()} is wanted" if tensor.type in _IO_TYPES else ""),
            graph=graph,
            tensor=tensor,
        )
        for side, tensor in ((side, graph.tensors[index]) for side, index in ends)
        if tensor.type != wanted and not _is_index_or_answer(subject, graph, tensor)
    )


def activation_types(subject: Subject) -> tuple[Finding, ...]:
    """Every activation whose integers are not of the scheme's type."""
    seen: set[tuple[int, int]] = set()
    return tuple(_wrong_activation_types(subject, seen))


def _wrong_activation_types(subject: Subject, seen: set[tuple[int, int]]) -> Iterator[Finding]:
    wanted = subject.activation_type
    for step in subject.steps():
        for tensor in (*step.data_inputs, *step.data_outputs):
            key = (step.graph.index, tensor.index)
            fits = tensor.type == wanted or subject.is_end(step.graph, tensor)
            if tensor.type in INTEGER_RANGES and not fits and key not in seen:
                seen.add(key)
                yield step.finding(
                    f"has the activation {tensor.name!r} in {tensor.type}, not {wanted}",
                    f"scheme {subject.scheme.name!r} wants {wanted}: convert the model with it, or verify the file "
                    "with the scheme that it was made with",
                    tensor,
                )


def _is_index_or_answer(subject: Subject, graph: Subgraph, tensor: Tensor) -> bool:
    """Whether an input is read as indices alone, or an output is what ARG_MAX and its like answer with.

    Indices may be compared with whole numbers, too: which of them are 0 is a mask.
    """
    if tensor.type not in ("INT32", "INT64", "BOOL") or tensor.scale.size:
        return False
    steps = subject.touching(graph, tensor)
    in_data = any(
        tensor in (*step.data_inputs, *step.data_outputs) for step in steps if step.operator.op not in _COMPARISONS
    )
    return not in_data and bool(steps)


def _is_intermediate(subject: Subject, graph: Subgraph, tensor: Tensor) -> bool:
    """Whether a tensor is only named so that a recurrent cell knows a scale: nothing computes with it."""
    return not subject.touching(graph, tensor) and tensor.index in subject.intermediates(graph)


def _touches_float(step: Step) -> bool:
    return any(tensor.is_float for tensor in (*step.inputs, *step.outputs))


def _is_boundary(step: Step) -> bool:
    """Whether this is the QUANTIZE behind an asked-for float input, or the DEQUANTIZE before a float output."""
    if not step.subject.float_io:
        return False
    if step.operator.op == "QUANTIZE":
        return step.operator.inputs[0] in step.graph.inputs
    return step.operator.op == "DEQUANTIZE" and step.operator.outputs[0] in step.graph.outputs


def _float_op_remedy(step: Step) -> str:
    layer = f"layer {step.layer!r}" if step.layer else "the layer that brought it"
    if step.spec is not None and not step.spec.activation_bits:
        return f"LiteRT has no integer kernel for {step.operator.op}: replace {layer} by one that has, or take it out"
    if step.operator.op in _CONTROL_FLOW:
        return "unroll the loop (unroll=True of a recurrent layer), or quantize what its subgraph computes"
    activations = step.subject.scheme.activations
    if step.spec is not None and activations and not step.spec.converter_quantizes_to(activations.num_bits):
        return (
            f"the converter never quantizes {step.operator.op}: replace {layer}, or convert the Keras model with "
            "qat-kit, which takes many such layers apart into operators that it does quantize (docs/coverage.md)"
        )
    twins = _layers_of_equal_weights(step)
    if len(twins) > 1:
        names = " and ".join(map(repr, twins))
        return (
            f"{names} have equal weights, and of products of one tensor with equal weights the converter makes one, "
            "which nothing quantizes: train them until they differ, or build one layer for both"
        )
    return (
        f"{layer} has no quantizer at its input or output: prepare the model (batch norm folded) and train it with the "
        "scheme, or convert it with a representative dataset"
    )


def _layers_of_equal_weights(step: Step) -> list[str]:
    """The layer of an operator, and those that training gave the same weights to the bit."""
    trained = step.subject.trained
    mine = None if trained is None or step.layer is None else trained.weights.get(step.layer)
    if trained is None or mine is None:
        return []
    return [name for name, other in trained.weights.items() if (other.scale, other.sha256) == (mine.scale, mine.sha256)]


# What a reader must mend stands first: the operators. The tensors about them follow from it.
DEMANDS = (
    Demand(name="no float op", rule="no operator reads or writes floats", find=float_ops),
    Demand(
        name="no float island",
        rule="no QUANTIZE, DEQUANTIZE or CAST between floats and integers, but at asked-for float inputs and outputs",
        find=conversions,
    ),
    Demand(
        name="no float tensor", rule="no tensor holds floats, but for asked-for inputs and outputs", find=float_tensors
    ),
    Demand(name="no custom op", rule="every operator is LiteRT's own", find=custom_ops),
    Demand(
        name="inputs and outputs",
        rule="inputs and outputs have the type that was asked for; indices and answers may be plain integers",
        find=interface,
    ),
    Demand(
        name="activation types",
        rule="every quantized activation has the scheme's type (LiteRT 8-bit quantization specification)",
        find=activation_types,
    ),
)
