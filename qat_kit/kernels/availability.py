"""Which kernels LiteRT's reference set and tflite-micro lack: `check_available`."""

from __future__ import annotations

from collections.abc import Mapping

from qat_kit.errors import NotSimulatedError
from qat_kit.kernels.call import Call

# The highest version of an op that the reference set of LiteRT 2.3 registers, where that is not the highest of the
# others; 0: none at all. Source: tflite/kernels/register_ref.cc beside register.cc.
REFERENCE_VERSIONS: Mapping[str, int] = {
    "ABS": 3,
    "ADD": 5,
    "ARG_MAX": 2,
    "ARG_MIN": 2,
    "DEPTHWISE_CONV_2D": 6,
    "DEPTH_TO_SPACE": 1,
    "ELU": 0,
    "GELU": 2,
    "MUL": 7,
    "SOFTMAX": 3,
    "SQUEEZE": 1,
    "STRIDED_SLICE": 4,
    "TILE": 2,
    "TRANSPOSE": 8,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": 3,
}

# Types of the first operand for which tflite-micro has no kernel although LiteRT has one, or one whose results mean
# nothing; "" for every type. Source: tflite-micro tensorflow/lite/micro/kernels, the wheel of 23 October 2026.
MICRO_LACKS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("GELU", "RELU_N1_TO_1", "RELU_0_TO_1", "TILE", "SELECT"), ("",)),
    **dict.fromkeys(("EXP", "LOG", "SQRT"), ("INT8", "INT16")),
    **dict.fromkeys(("RSQRT", "DIV", "RESIZE_BILINEAR", "MIRROR_PAD", "REDUCE_MAX", "REDUCE_MIN"), ("INT16",)),
    **dict.fromkeys(("GATHER", "GATHER_ND", "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"), ("INT16",)),
    **dict.fromkeys(("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"), ("INT16", "UINT8")),
    **dict.fromkeys(("NEG", "CUMSUM"), ("INT32", "INT64")),
    **dict.fromkeys(("CAST",), ("UINT8", "INT64")),
}


def check_available(call: Call) -> None:
    """Raises NotSimulatedError for a version that LiteRT's reference set lacks, or a type that tflite-micro lacks.

    >>> check_available(Call(op="TILE", inputs=(), outputs=(), kernel_set="reference", version=3))
    Traceback (most recent call last):
    qat_kit.errors.NotSimulatedError: TILE at version 3 has no kernel in LiteRT's reference set, which has it up to
    version 2; use builtin or xnnpack
    """
    if call.kernel_set == "tflite_micro":
        _check_micro(call)
    highest = REFERENCE_VERSIONS.get(call.op)
    if call.kernel_set != "reference" or highest is None or call.version <= highest:
        return
    kept = f", which has it up to version {highest}" if highest else ""
    raise NotSimulatedError(
        f"{call.op} at version {call.version} has no kernel in LiteRT's reference set{kept}; use builtin or xnnpack"
    )


def _check_micro(call: Call) -> None:
    kind = call.inputs[0].type if call.inputs and call.inputs[0] is not None else ""
    lacks = MICRO_LACKS.get(call.op, ())
    if "" in lacks or kind in lacks:
        of_type = f" for {kind}" if "" not in lacks else ""
        raise NotSimulatedError(f"{call.op} has no kernel in tflite-micro{of_type}; LiteRT has one")
