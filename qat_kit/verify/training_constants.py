"""The file holds the constants of training: kernels and tables by scale and code, biases to half a step.

These demands are for files whose training is known (`Subject.trained`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from qat_kit.files import sha256
from qat_kit.litert.records import Tensor
from qat_kit.results import Finding, TrainedTensor
from qat_kit.verify.naming import named_layers
from qat_kit.verify.subject import INTEGER_RANGES, Demand, Step, Subject
from qat_kit.verify.training_names import CONVERT_AGAIN, is_equal, layers_of, trained_in_words, trained_of

# Where the operators that look rows up have their table.
_TABLES = {"GATHER": 0, "EMBEDDING_LOOKUP": 1}


def weights(subject: Subject) -> tuple[Finding, ...]:
    """Trained weights that the file does not hold with the same scales and codes."""
    return tuple(_differing_weights(subject))


def _differing_weights(subject: Subject) -> Iterator[Finding]:
    trained = trained_of(subject).weights
    missing = dict(trained)
    for step in subject.steps():
        for weight in step.constant_weights:
            layers = layers_of(subject, step.graph, weight, trained) or _layers_of_result(step, trained)
            for layer in layers:
                missing.pop(layer, None)
            faults = [fault for layer in layers if (fault := _weight_fault(weight, trained[layer])) is not None]
            if len(faults) == len(layers) > 0:
                yield step.finding(f"has weights {faults[0]}", CONVERT_AGAIN, weight)
            elif not layers:
                yield step.finding(f"has weights {weight.name!r} that training did not quantize", CONVERT_AGAIN, weight)
    for layer, tensor in missing.items():
        yield Finding(
            message=f"the weights of layer {layer!r}, trained with {trained_in_words(tensor)}, are not in the file",
            remedy=CONVERT_AGAIN,
            layer=layer,
        )


def tables(subject: Subject) -> tuple[Finding, ...]:
    """Trained tables of embeddings that the file does not hold with the same scale and codes."""
    return tuple(_differing_tables(subject))


def _differing_tables(subject: Subject) -> Iterator[Finding]:
    trained = trained_of(subject).tables
    by_layer: dict[str, list[str]] = {}
    for call, record in trained.items():
        by_layer.setdefault(record.layer, []).append(call)
    held: set[str] = set()
    for step in subject.steps():
        position = _TABLES.get(step.operator.op)
        table = None if position is None else step.operand(position)
        if table is None or not table.is_constant or table.type not in INTEGER_RANGES:
            continue
        names = [subject.full_name(step.graph, tensor) for tensor in (table, *step.outputs)]
        calls = {call for name in names for layer in named_layers(name, by_layer) for call in by_layer[layer]}
        faults = {call: _weight_fault(table, trained[call]) for call in sorted(calls)}
        held |= {call for call, fault in faults.items() if fault is None}
        if faults and all(faults.values()):
            held |= faults.keys()
            yield step.finding(f"has a table {next(iter(faults.values()))}", CONVERT_AGAIN, table)
    for call, record in trained.items():
        if call not in held:
            yield Finding(
                message=f"the table of layer {record.layer!r}, trained with {trained_in_words(record)}, is not in the "
                "file",
                remedy=CONVERT_AGAIN,
                layer=record.layer,
            )


def biases(subject: Subject) -> tuple[Finding, ...]:
    """Biases whose codes are not the nearest to the real numbers that training used."""
    return tuple(_differing_biases(subject)) if subject.trained else ()


def _differing_biases(subject: Subject) -> Iterator[Finding]:
    trained = trained_of(subject)
    for step in subject.steps():
        for bias_input, _, weight_input in step.spec.bias_products if step.spec else ():
            weight, bias = step.operand(weight_input), step.operand(bias_input)
            if weight is None:
                continue
            named = layers_of(subject, step.graph, weight, trained.weights) or _layers_of_result(step, trained.weights)
            layers = [layer for layer in named if layer in trained.biases]
            faults = [fault for layer in layers if (fault := _bias_fault(bias, trained.biases[layer])) is not None]
            if len(faults) == len(layers) > 0:
                yield step.finding(f"has {faults[0]}", CONVERT_AGAIN, bias)


def _weight_fault(weight: Tensor, trained: TrainedTensor) -> str | None:
    if not is_equal(weight, trained):
        if weight.scale.size != len(trained.scale):
            return f"with {weight.scale.size} scales, and training used {len(trained.scale)}"
        differs = (weight.scale != np.asarray(trained.scale, np.float32)) | (
            weight.zero_point != np.asarray(trained.zero_point, np.int64)
        )
        channel = int(np.argmax(differs))
        return (
            f"with scale {float(weight.scale[channel])!r} and zero point {int(weight.zero_point[channel])} at channel "
            f"{channel}, and training used {trained.scale[channel]!r} and {trained.zero_point[channel]}"
        )
    if trained.sha256 is not None and weight.data is not None and sha256(weight.data.tobytes()) != trained.sha256:
        return "with other codes than training used, under the same scales"
    return None


def _bias_fault(bias: Tensor | None, trained: tuple[float, ...]) -> str | None:
    real = np.asarray(trained, np.float64)
    if bias is None:
        return "no bias, and training used one" if real.any() else None
    if bias.data is None or bias.data.size != real.size or bias.scale.size not in (1, real.size):
        return f"a bias of shape {list(bias.shape)}, and training used {real.size} values"
    exact = real / bias.scale.astype(np.float64)
    error = np.abs(bias.data.reshape(-1).astype(np.float64) - exact)
    # Half a step for rounding; beyond 2^24 the converter's float32 arithmetic has steps of its own.
    far = ~(error <= 0.5 + 1e-6 * np.abs(exact))
    if not far.any():
        return None
    channel = int(np.argmax(far))
    stored = float(bias.data.reshape(-1)[channel]) * float(np.broadcast_to(bias.scale, real.shape)[channel])
    return f"bias {stored:.6g} at channel {channel}, and training used {real[channel]:.6g}"


def _layers_of_result(step: Step, trained: Iterable[str]) -> list[str]:
    return [
        layer for tensor in step.outputs for layer in named_layers(step.subject.full_name(step.graph, tensor), trained)
    ]


DEMANDS = (
    Demand(
        name="trained weights",
        rule="every kernel that training quantized is in the file with the same scales, zero points and codes",
        find=weights,
    ),
    Demand(
        name="trained tables",
        rule="every table of an embedding that training quantized is in the file with the same scale and codes",
        find=tables,
    ),
    Demand(
        name="trained biases",
        rule="every bias of training is in the file, rounded to the nearest step of input scale × weight scale",
        find=biases,
    ),
)
