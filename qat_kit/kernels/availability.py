"""Which kernels LiteRT's reference set lacks: `check_available`."""

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
}


def check_available(call: Call) -> None:
    """Raises NotSimulatedError for an op at a version that LiteRT's reference set has no kernel for.

    >>> check_available(Call(op="TILE", inputs=(), outputs=(), kernel_set="reference", version=3))
    Traceback (most recent call last):
    qat_kit.errors.NotSimulatedError: TILE at version 3 has no kernel in LiteRT's reference set, which has it up to
    version 2; use builtin or xnnpack
    """
    highest = REFERENCE_VERSIONS.get(call.op)
    if call.kernel_set != "reference" or highest is None or call.version <= highest:
        return
    kept = f", which has it up to version {highest}" if highest else ""
    raise NotSimulatedError(
        f"{call.op} at version {call.version} has no kernel in LiteRT's reference set{kept}; use builtin or xnnpack"
    )
