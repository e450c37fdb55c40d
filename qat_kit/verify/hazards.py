"""Operators on which a kernel set of LiteRT crashes or answers wrongly, though the file is right: advice."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qat_kit.kernels.call import CODE_RANGES
from qat_kit.kernels.div import shifts_too_far
from qat_kit.kernels.resize_bilinear import litert_places
from qat_kit.kernels.softmax import SMALLEST_STEP
from qat_kit.results import Finding
from qat_kit.verify.subject import Demand, Step, Subject

# Exponentials of which the largest is 1: the reference kernel holds sums below this.
_SOFTMAX_SUM_LIMIT = 512

_OTHER_KERNELS = "run the file on another kernel set"


def hazards(subject: Subject) -> tuple[Finding, ...]:
    """Operators that stop a kernel set, or that it computes wrongly."""
    return tuple(
        step.finding(*found)
        for step in subject.steps()
        for hazard in _HAZARDS.get(step.operator.op, ())
        if (found := hazard(step)) is not None
    )


# What is wrong, and what to do.
_Hazard = Callable[[Step], tuple[str, str] | None]


def _depthwise_without_bias(step: Step) -> tuple[str, str] | None:
    data = step.operand(0)
    if data is None or data.type != "INT8" or step.operand(2) is not None:
        return None
    return (
        "has no bias, on which the builtin kernels of LiteRT 2.3 crash, and with them XNNPACK, which leaves it to them",
        "give the layer a bias; zeros will do",
    )


def _long_softmax(step: Step) -> tuple[str, str] | None:
    data = step.operand(0)
    if data is None or data.type not in ("INT8", "UINT8") or not data.shape or data.shape[-1] < _SOFTMAX_SUM_LIMIT:
        return None
    return (
        f"has rows of {data.shape[-1]} values, and the reference kernel ends the process where their exponentials sum "
        f"to {_SOFTMAX_SUM_LIMIT}, the largest being 1",
        "let the file give logits and leave the softmax to the app, or " + _OTHER_KERNELS,
    )


def _faint_softmax(step: Step) -> tuple[str, str] | None:
    data = step.operand(0)
    if data is None or data.type not in ("INT8", "UINT8") or data.scale.size != 1:
        return None
    stride = float(data.scale[0]) * float(step.operator.options.get("beta", 1.0))
    if stride > SMALLEST_STEP:
        return None
    return (
        f"has an input scale of {float(data.scale[0]):.3g}, on which the reference kernels, and tflite-micro, end the "
        "process",
        "train or calibrate the model: all its answers are the same",
    )


def _signed_sum(step: Step) -> tuple[str, str] | None:
    data = step.operand(0)
    if data is None or data.type not in ("INT8", "INT16"):
        return None
    return f"is read as unsigned codes by the reference kernel, wrong for {data.type}", _OTHER_KERNELS


def _tiny_output_scale(step: Step) -> tuple[str, str] | None:
    tensors = [step.operand(0), step.operand(1), *step.outputs[:1]]
    if any(tensor is None or tensor.type not in ("INT8", "INT16") or tensor.scale.size != 1 for tensor in tensors):
        return None
    first, second, result = (float(tensor.scale[0]) for tensor in tensors if tensor is not None)
    lift = 2.0 ** (15 if step.outputs[0].type == "INT16" else 20)
    if 2 * max(first, second) < lift * result:
        return None
    return (
        f"has an output scale of {result:.3g} below inputs of {first:.3g} and {second:.3g}, on which LiteRT aborts",
        "calibrate the range of this output anew: it is far too narrow",
    )


def _resize_past_the_end(step: Step) -> tuple[str, str] | None:
    data, options = step.operand(0), step.operator.options
    if data is None or data.is_float or len(data.shape) != 4 or not step.outputs or len(step.outputs[0].shape) != 4:
        return None
    for length, target in zip(data.shape[1:3], step.outputs[0].shape[1:3], strict=True):
        if target and int(litert_places(length, target, options)[-1]) >> 10 >= length:
            return (
                f"spreads {length} pixels over {target}, where LiteRT's kernels read past the last one",
                "resize in two steps, or to another size",
            )
    return None


def _steep_hard_swish(step: Step) -> tuple[str, str] | None:
    data = step.operand(0)
    if data is None or not step.outputs or data.scale.size != 1 or step.outputs[0].scale.size != 1:
        return None
    if np.float32(data.scale[0] / 128) / step.outputs[0].scale[0] < 1:
        return None
    return "has an input scale of 128 times its output's and more, which LiteRT refuses", "calibrate this layer anew"


def _long_division(step: Step) -> tuple[str, str] | None:
    tensors = [step.operand(0), step.operand(1), *step.outputs[:1]]
    if any(tensor is None or tensor.type not in CODE_RANGES or tensor.scale.size != 1 for tensor in tensors):
        return None
    first, second, result = (tensor for tensor in tensors if tensor is not None)
    zero, (lowest, highest) = int(second.zero_point[0]), CODE_RANGES[second.type]
    ratio = float(first.scale[0] / (second.scale[0] * result.scale[0]))
    if not shifts_too_far(ratio, max(highest - zero, zero - lowest)):
        return None
    return (
        "divides by codes that have more bits than scale(a) / (scale(b) · scale(output)), where LiteRT shifts by more "
        "than 31 bits: a quotient of 0 comes out as 1, and small ones as the highest or lowest code",
        "give the quotient a narrower range, or multiply by a reciprocal",
    )


def _steep_squares(step: Step) -> tuple[str, str] | None:
    tensors = [step.operand(0), step.operand(1), *step.outputs[:1]]
    if any(tensor is None or tensor.type != "INT8" or tensor.scale.size != 1 for tensor in tensors):
        return None
    first, second, result = (float(tensor.scale[0]) for tensor in tensors if tensor is not None)
    if (2 * max(first, second)) ** 2 < 2.0**14 * result:
        return None
    return (
        f"has an output scale of {result:.3g} below the squares of {first:.3g}, {second:.3g}, on which LiteRT aborts",
        "calibrate the range of this output anew: it is far too narrow",
    )


_HAZARDS: dict[str, tuple[_Hazard, ...]] = {
    "DEPTHWISE_CONV_2D": (_depthwise_without_bias,),
    "SOFTMAX": (_long_softmax, _faint_softmax),
    "LOG_SOFTMAX": (_faint_softmax,),
    "SUM": (_signed_sum,),
    "ADD": (_tiny_output_scale,),
    "SUB": (_tiny_output_scale,),
    "DIV": (_long_division,),
    "SQUARED_DIFFERENCE": (_steep_squares,),
    "RESIZE_BILINEAR": (_resize_past_the_end,),
    "HARD_SWISH": (_steep_hard_swish,),
}

DEMANDS = (
    Demand(
        name="kernel hazards",
        rule="no operator on which a kernel set of LiteRT 2.3 crashes or answers wrongly (tests/parity/kernels)",
        find=hazards,
        severity="warn",
    ),
)
