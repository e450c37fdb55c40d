"""Files whose activations are float: what of them is quantized must be what the scheme says."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from qat_kit.results import Finding
from qat_kit.verify.subject import INTEGER_RANGES, Demand, Step, Subject

# The converter leaves smaller weights float in dynamic range (tflite/converter/tools/optimize/quantize_weights.cc).
SMALLEST_QUANTIZED_WEIGHTS = 1024


def weights(subject: Subject) -> tuple[Finding, ...]:
    """Weights that are not stored as the scheme says."""
    return tuple(_wrong_storage(subject))


def _wrong_storage(subject: Subject) -> Iterator[Finding]:
    allowed = storage_types(subject)
    for step in subject.steps():
        for weight in step.stored_weights:
            small = weight.type == "FLOAT32" and prod(weight.shape) < SMALLEST_QUANTIZED_WEIGHTS
            if weight.type not in allowed and not (small and subject.scheme.weights is not None):
                yield step.finding(
                    f"has weights stored in {weight.type}, not {' or '.join(allowed)}",
                    f"convert the model with scheme {subject.scheme.name!r}",
                    weight,
                )


def storage_types(subject: Subject) -> tuple[str, ...]:
    """The types that may hold the scheme's weights."""
    spec = subject.scheme.weights
    if spec is None:
        return ("FLOAT16",) if subject.scheme.float_bits == 16 else ("FLOAT32",)
    packed = tuple(f"INT{width}" for width in (2, 4) if spec.num_bits <= width)
    return (*packed, "INT8")


def float_activations(subject: Subject) -> tuple[Finding, ...]:
    """Activations that are integers with a scale, though the scheme leaves them float."""
    seen: set[tuple[int, int]] = set()
    findings = []
    for step in subject.steps():
        for tensor in step.data_outputs:
            key = (step.graph.index, tensor.index)
            quantized = tensor.type in INTEGER_RANGES and tensor.scale.size and not tensor.is_constant
            if quantized and key not in seen and not _is_stored(step):
                seen.add(key)
                findings.append(
                    step.finding(
                        f"has the activation {tensor.name!r} in {tensor.type}, and scheme {subject.scheme.name!r} "
                        "leaves activations float",
                        "verify the file with the scheme that it was made with",
                        tensor,
                    )
                )
    return tuple(findings)


def _is_stored(step: Step) -> bool:
    """Whether an operator carries constants alone, on their way to where they are unpacked."""
    return all(tensor.is_constant for tensor in step.inputs)


DEMANDS = (
    Demand(
        name="stored weights",
        rule="weights are stored in the type that the scheme names; in dynamic range those of fewer than "
        f"{SMALLEST_QUANTIZED_WEIGHTS} numbers may stay float32",
        find=weights,
    ),
    Demand(
        name="float activations",
        rule="activations are float, as the scheme says",
        find=float_activations,
    ),
)
