"""Weights and biases are as LiteRT's integer kernels take them for granted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qat_kit.litert.records import Tensor
from qat_kit.results import Finding
from qat_kit.verify.subject import INTEGER_RANGES, Demand, Step, Subject

# Both scales are float32, and so is their product in the file: a few units in the last place, and far from any fault.
BIAS_SCALE_TOLERANCE = 1e-6

_RETRAIN = "quantize it with zero point 0 and narrow range, as the scheme's weights are"
# FULLY_CONNECTED is per tensor in the specification and per axis in newer files; both are right.
_PER_AXIS_OPS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV")


def symmetric(subject: Subject) -> tuple[Finding, ...]:
    """Weights with a zero point other than 0."""
    return tuple(
        step.finding(
            f"has weights with zero point {int(weight.zero_point[weight.zero_point != 0][0])}, not 0",
            _RETRAIN,
            weight,
        )
        for step, weight in _weights(subject)
        if weight.zero_point.any()
    )


def codes(subject: Subject) -> tuple[Finding, ...]:
    """Weights with a code outside ±(2^(num_bits − 1) − 1)."""
    return tuple(_codes_out_of_range(subject))


def _codes_out_of_range(subject: Subject) -> Iterator[Finding]:
    for step, weight in _weights(subject):
        values = weight.data
        if values is None or weight.type not in ("INT2", "INT4", "INT8"):
            continue
        highest = min(INTEGER_RANGES[weight.type][1], _scheme_maximum(subject))
        lowest_found, highest_found = (int(values.min()), int(values.max())) if values.size else (0, 0)
        if lowest_found < -highest or highest_found > highest:
            yield step.finding(
                f"has weights with codes {lowest_found} to {highest_found}, outside −{highest} to {highest}",
                _RETRAIN,
                weight,
            )


def types(subject: Subject) -> tuple[Finding, ...]:
    """Weights of a type that the scheme does not allow."""
    return tuple(
        step.finding(
            f"has weights in {weight.type}, not {' or '.join(_allowed_types(subject, step))}",
            f"convert the model with scheme {subject.scheme.name!r}",
            weight,
        )
        for step, weight in _weights(subject)
        if weight.type not in _allowed_types(subject, step) and not weight.is_float
    )


def axes(subject: Subject) -> tuple[Finding, ...]:
    """Weights whose scales run along another dimension than the kernel reads, or along none where they should."""
    return tuple(_wrong_axes(subject))


def _wrong_axes(subject: Subject) -> Iterator[Finding]:
    for step, weight in _weights(subject):
        fault = _axis_fault(subject, step, weight)
        if fault is not None:
            yield step.finding(
                f"{fault}",
                "train and convert the model with one weight scale for each output channel",
                weight,
            )


def _axis_fault(subject: Subject, step: Step, weight: Tensor) -> str | None:
    axis = step.spec.weight_axis if step.spec else None
    num_scales = weight.scale.size
    if axis is None or axis >= len(weight.shape):
        return f"has {num_scales} weight scales, and its kernel reads one" if num_scales > 1 else None
    channels = weight.shape[axis]
    if num_scales > 1 and (weight.quantized_dimension != axis or num_scales != channels):
        return (
            f"has {num_scales} weight scales along dimension {weight.quantized_dimension}, and its kernel reads "
            f"{channels} along dimension {axis}"
        )
    per_axis = subject.scheme.weights is not None and subject.scheme.weights.granularity == "per_axis"
    if num_scales == 1 and channels > 1 and per_axis and step.operator.op in _PER_AXIS_OPS:
        return f"has one weight scale for {channels} channels, and scheme {subject.scheme.name!r} wants one for each"
    return None


def biases(subject: Subject) -> tuple[Finding, ...]:
    """Biases of another type, with a zero point, or whose scale is not input scale × weight scale."""
    return tuple(
        step.finding(f"has a bias {fault}", "convert the model again: the converter makes biases", bias)
        for step in subject.steps()
        if step.spec is not None
        for position, data, weight in step.spec.bias_products
        for bias, fault in _bias_faults(step, step.operand(position), step.operand(data), step.operand(weight))
    )


def _bias_faults(
    step: Step, bias: Tensor | None, data: Tensor | None, weight: Tensor | None
) -> Iterator[tuple[Tensor, str]]:
    if bias is None or data is None or weight is None or data.is_float or bias.is_float:
        return
    wanted = "INT64" if data.type == "INT16" and step.operator.op in _INT64_BIAS_OPS else "INT32"
    if bias.type != wanted:
        yield bias, f"in {bias.type}, not {wanted}"
    if bias.zero_point.any():
        yield bias, f"with zero point {int(bias.zero_point[bias.zero_point != 0][0])}, not 0"
    if data.scale.size != 1 or weight.scale.size == 0:
        return  # Reported where scales are looked at.
    if bias.scale.size != weight.scale.size:
        yield bias, f"with {bias.scale.size} scales for {weight.scale.size} weight scales"
        return
    if bias.scale.size > 1 and bias.quantized_dimension != 0:
        yield bias, f"with scales along dimension {bias.quantized_dimension}, which it does not have"
    with np.errstate(invalid="ignore"):  # what is no number compares as far
        product = np.float64(data.scale[0]) * weight.scale.astype(np.float64)
        far = ~(np.abs(bias.scale.astype(np.float64) - product) <= BIAS_SCALE_TOLERANCE * np.abs(product))
    if far.any():
        worst = int(np.argmax(far))
        channel = f" at channel {worst}" if product.size > 1 else ""
        yield bias, f"with scale {bias.scale[worst]:.9g}{channel}, not input × weight = {product[worst]:.9g}"


_INT64_BIAS_OPS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")


def _weights(subject: Subject) -> Iterator[tuple[Step, Tensor]]:
    """Constant integer weights with the operators that read them."""
    for step in subject.steps():
        for weight in step.constant_weights if subject.scheme.activation_mode == "static" else step.stored_weights:
            if not weight.is_float and not weight.blockwise:
                yield step, weight


def _scheme_maximum(subject: Subject) -> int:
    return subject.scheme.highest_weight_code


def _allowed_types(subject: Subject, step: Step) -> tuple[str, ...]:
    """INT8, and the packed types that hold the scheme's bits where the kernel can read them."""
    bits = subject.scheme.weights.num_bits if subject.scheme.weights else 8
    readable = step.spec.weight_bits if step.spec else ()
    packed = tuple(f"INT{width}" for width in (2, 4) if bits <= width and width in readable)
    # Recurrent cells and SVDF hold some of their weights in 16 bits.
    wide = ("INT16",) if step.operator.op == "SVDF" else ()
    return ("INT8", *packed, *wide)


DEMANDS = (
    Demand(
        name="weight types",
        rule="weights are int8, or packed to the scheme's bits where the kernel reads them so (LiteRT 8-bit "
        "quantization specification; docs/targets.md for packed ones)",
        find=types,
    ),
    Demand(
        name="symmetric weights",
        rule="weights have zero point 0 (LiteRT 8-bit quantization specification: symmetric vs asymmetric)",
        find=symmetric,
    ),
    Demand(
        name="weight codes",
        rule="weights lie within ±(2^(num_bits − 1) − 1): −127 to 127 (LiteRT 8-bit quantization specification)",
        find=codes,
    ),
    Demand(
        name="weight axes",
        rule="weight scales run along the dimension that the kernel reads (LiteRT 8-bit quantization specification)",
        find=axes,
    ),
    Demand(
        name="biases",
        rule="biases are int32 (int64 beside int16 activations), zero point 0, scale = input scale × weight scale "
        "(LiteRT 8-bit quantization specification: operator specifications)",
        find=biases,
    ),
)
