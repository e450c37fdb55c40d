"""What the checks look at: one file, and what was asked of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from qat_kit.litert.records import ModelFile, Operator, Subgraph, Tensor
from qat_kit.manifest import Manifest
from qat_kit.results import Check, Finding, Severity, TrainedTensors
from qat_kit.schemes import QuantScheme
from qat_kit.spec import OPS, OpSpec
from qat_kit.targets import Target
from qat_kit.verify.naming import layer_of
from qat_kit.vocabulary import IoType

# The integer range of each type that a quantized tensor may have.
INTEGER_RANGES = {
    "INT2": (-2, 1),
    "INT4": (-8, 7),
    "UINT4": (0, 15),
    "INT8": (-128, 127),
    "UINT8": (0, 255),
    "INT16": (-32768, 32767),
    "UINT16": (0, 65535),
}


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A file under examination.

    io: the type that inputs and outputs were to have; None: that of the scheme's activations. layers: names of the
    Keras model's layers, where known. trained: what training used, where known. target: the runtime that the file is
    for. runtime: the oldest version of TensorFlow Lite that must run it, such as "2.16". max_arena_bytes: what its
    activations may take. manifest: what was written with the file, where known.
    """

    model: ModelFile
    scheme: QuantScheme
    io: IoType | None = None
    layers: tuple[str, ...] = ()
    trained: TrainedTensors | None = None
    target: Target | None = None
    runtime: str | None = None
    max_arena_bytes: int | None = None
    manifest: Manifest | None = None

    @property
    def activation_type(self) -> str:
        """What the scheme's activations are in the file: "INT8", "UINT8", "INT16" or "FLOAT32"."""
        spec = self.scheme.activations
        if spec is None or self.scheme.activation_mode != "static":
            return "FLOAT32"
        return f"{'' if spec.signed else 'U'}INT{spec.num_bits}"

    @property
    def io_type(self) -> str:
        """What inputs and outputs must be."""
        return self.activation_type if self.io is None else self.io.upper()

    @property
    def float_io(self) -> bool:
        """Whether float inputs and outputs were asked for."""
        return self.io_type == "FLOAT32"

    def steps(self) -> tuple[Step, ...]:
        """Every operator of every subgraph."""
        return self._steps

    def is_end(self, graph: Subgraph, tensor: Tensor) -> bool:
        """Whether a tensor is an input or output, and a conversion alone touches it."""
        if tensor.index not in (*graph.inputs, *graph.outputs):
            return False
        return all(step.operator.op in ("QUANTIZE", "DEQUANTIZE") for step in self.touching(graph, tensor))

    def is_asked_for(self, graph: Subgraph, tensor: Tensor) -> bool:
        """Whether a tensor is such an end, of the type that was asked for."""
        return tensor.type == self.io_type and self.is_end(graph, tensor)

    def touching(self, graph: Subgraph, tensor: Tensor) -> tuple[Step, ...]:
        """The operators that read or write a tensor."""
        return self._touching.get((graph.index, tensor.index), ())

    def intermediates(self, graph: Subgraph) -> frozenset[int]:
        """Tensors that only carry the scales of what a recurrent cell computes within."""
        return self._intermediates[graph.index]

    def finding(self, message: str, remedy: str, *, graph: Subgraph, tensor: Tensor) -> Finding:
        """A finding about a tensor, with the operator that makes it where there is one."""
        step = self.maker(graph, tensor)
        if step is not None:
            return step.finding(message, remedy, tensor)
        layer = layer_of(self.full_name(graph, tensor), None, self.layers)
        return Finding(message=message, remedy=remedy, tensor=tensor.name, layer=layer, subgraph=graph.index or None)

    def maker(self, graph: Subgraph, tensor: Tensor) -> Step | None:
        """The operator that makes a tensor; None for inputs and constants."""
        return self._makers.get((graph.index, tensor.index))

    def full_name(self, graph: Subgraph, tensor: Tensor) -> str:
        """A tensor's name, joined with what the signatures call it.

        Inputs and outputs lose their layer's name to the signature, and beside a conversion from or to another type it
        is the outer tensor that has it.
        """
        return ";".join(self._names[graph.index, tensor.index])

    @cached_property
    def _steps(self) -> tuple[Step, ...]:
        return tuple(
            Step(self, graph, operator, None if operator.is_custom else OPS.get(operator.op))
            for graph in self.model.subgraphs
            for operator in graph.operators
        )

    @cached_property
    def _touching(self) -> dict[tuple[int, int], tuple[Step, ...]]:
        found: dict[tuple[int, int], list[Step]] = {}
        for step in self.steps():
            for index in {tensor.index for tensor in (*step.inputs, *step.outputs)}:
                found.setdefault((step.graph.index, index), []).append(step)
        return {key: tuple(steps) for key, steps in found.items()}

    @cached_property
    def _intermediates(self) -> dict[int, frozenset[int]]:
        return {
            graph.index: frozenset(index for operator in graph.operators for index in operator.intermediates)
            for graph in self.model.subgraphs
        }

    @cached_property
    def _makers(self) -> dict[tuple[int, int], Step]:
        return {(step.graph.index, tensor.index): step for step in self.steps() for tensor in step.outputs}

    @cached_property
    def _names(self) -> dict[tuple[int, int], list[str]]:
        names = {
            (graph.index, tensor.index): [tensor.name] for graph in self.model.subgraphs for tensor in graph.tensors
        }
        for signature in self.model.signatures:
            for called, index in (*signature.inputs.items(), *signature.outputs.items()):
                names[signature.subgraph, index].append(called)
        for step in self.steps():
            ends = step.converted_ends
            if ends is not None:
                inner, outer = ends
                names[step.graph.index, inner.index] += names[step.graph.index, outer.index]
        return names


@dataclass(frozen=True)
class Step:
    """One operator in its subgraph, with what the specification says of it (None: nothing)."""

    subject: Subject
    graph: Subgraph
    operator: Operator
    spec: OpSpec | None

    def operand(self, position: int) -> Tensor | None:
        """The tensor at an input position; None where there is none."""
        return self.graph.input_of(self.operator, position)

    @property
    def converted_ends(self) -> tuple[Tensor, Tensor] | None:
        """(inner, outer) of a conversion from or to float, or between an input or output and what is within."""
        if self.operator.op not in ("QUANTIZE", "DEQUANTIZE") or not self.inputs or not self.outputs:
            return None
        source, result = self.inputs[0], self.outputs[0]
        if self.operator.op == "DEQUANTIZE":
            return (source, result) if result.is_float else None
        if source.is_float or (source.index in self.graph.inputs and source.type != result.type):
            return result, source
        return (source, result) if result.index in self.graph.outputs and source.type != result.type else None

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return tuple(self.graph.tensors[index] for index in self.operator.inputs if index >= 0)

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        return tuple(self.graph.tensors[index] for index in self.operator.outputs if index >= 0)

    @property
    def data_inputs(self) -> tuple[Tensor, ...]:
        """Operands that the specification quantizes as activations."""
        if self.spec is None:
            return ()
        positions = range(len(self.operator.inputs))
        operands = [self.operand(position) for position in positions if self.spec.is_data_input(position)]
        return tuple(operand for operand in operands if operand is not None)

    @property
    def data_outputs(self) -> tuple[Tensor, ...]:
        """Results that the specification quantizes."""
        if self.spec is None:
            return ()
        if self.spec.data_outputs is None:
            return self.outputs
        return tuple(self.outputs[position] for position in self.spec.data_outputs if position < len(self.outputs))

    @property
    def constant_weights(self) -> tuple[Tensor, ...]:
        """Weight operands that the file holds."""
        operands = [self.operand(position) for position in (self.spec.weight_inputs if self.spec else ())]
        return tuple(operand for operand in operands if operand is not None and operand.is_constant)

    @property
    def stored_weights(self) -> tuple[Tensor, ...]:
        """Weight operands that the file holds, also behind the DEQUANTIZE that unpacks them."""
        operands = [self.operand(position) for position in (self.spec.weight_inputs if self.spec else ())]
        return tuple(stored for operand in operands if operand is not None and (stored := self._stored(operand)))

    def _stored(self, operand: Tensor) -> Tensor | None:
        if operand.is_constant:
            return operand
        maker = self.subject.maker(self.graph, operand)
        source = maker.operand(0) if maker is not None and maker.operator.op == "DEQUANTIZE" else None
        return source if source is not None and source.is_constant else None

    @property
    def layer(self) -> str | None:
        """The Keras layer that brought the operator: as its weights and its result are called.

        A conversion that the converter named itself stands before the layer that reads it.
        """
        tensors = (*self.stored_weights, *self.outputs)
        names = ";".join(self.subject.full_name(self.graph, tensor) for tensor in tensors)
        found = layer_of(names, self.operator.op, self.subject.layers)
        if found is None and self.operator.op in ("QUANTIZE", "DEQUANTIZE"):
            readers = (step for output in self.outputs for step in self.subject.touching(self.graph, output))
            reader = next((step for step in readers if step.operator.index > self.operator.index), None)
            # Each reader stands behind its source, so that this comes to an end.
            return None if reader is None else reader.layer
        return found

    def finding(self, message: str, remedy: str, tensor: Tensor | None = None) -> Finding:
        """A finding about this operator, or about one of its tensors."""
        return Finding(
            message=message,
            remedy=remedy,
            op=self.operator.op,
            op_index=self.operator.index,
            tensor=None if tensor is None else tensor.name,
            layer=self.layer,
            subgraph=self.graph.index or None,
        )


@dataclass(frozen=True, kw_only=True)
class Demand:
    """One demand on a file: its name, the rule with its source, and the function that looks for what breaks it.

    severity: "warn" for advice, which does not fail a file. obstacle: why a file cannot be asked; "" where it can.
    """

    name: str
    rule: str
    find: Callable[[Subject], tuple[Finding, ...]]
    severity: Severity = "fail"
    obstacle: Callable[[Subject], str] | None = None

    def check(self, subject: Subject) -> Check:
        """The demand put to a file."""
        reason = self.obstacle(subject) if self.obstacle is not None else ""
        if reason:
            return Check(name=self.name, rule=self.rule, severity=self.severity, outcome="unchecked", reason=reason)
        return Check(name=self.name, rule=self.rule, findings=self.find(subject), severity=self.severity)
