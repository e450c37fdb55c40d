"""Which version of TensorFlow Lite first ran an operator at a given version: `minimum_runtime`.

Runtimes are numbered as TensorFlow is; LiteRT goes on with that numbering in its files (`min_runtime_version`).

Source: LiteRT tflite/converter/tools/versioning/runtime_version.cc, as of August 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from qat_kit.errors import NumericsError

# Runtimes of the versions 1, 2, 3, … of each operator; "-" for a version that was never released.
_RUNTIMES_OF: Mapping[str, str] = {
    "- 2.5 2.5 2.23": "BROADCAST_TO",
    "1.5": (
        "EMBEDDING_LOOKUP_SPARSE HASHTABLE_LOOKUP L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LSH_PROJECTION RELU_N1_TO_1 "
        "RESHAPE SKIP_GRAM"
    ),
    "1.5 1.10": "FAKE_QUANT",
    "1.5 1.10 1.14 1.14 2.0 2.1 2.3 2.3 2.3 2.11 2.15 2.17 2.18 2.21": "FULLY_CONNECTED",
    "1.5 1.12 1.14 2.2 2.3 2.3 2.11": "DEPTHWISE_CONV_2D",
    "1.5 1.14": "L2_NORMALIZATION SPACE_TO_DEPTH",
    "1.5 1.14 1.14 2.3 2.4 2.9 2.11 2.15": "CONV_2D",
    "1.5 1.14 1.14 2.3 2.23": "SPLIT",
    "1.5 1.14 1.15 2.3 2.6 2.11 2.13 2.23": "MUL",
    "1.5 1.14 2.2 2.3": "SVDF",
    "1.5 1.14 2.3": "AVERAGE_POOL_2D MAX_POOL_2D RNN",
    "1.5 1.14 2.3 2.14 2.21 2.23 2.23": "CONCATENATION",
    "1.5 1.14 2.3 2.23": "SOFTMAX",
    "1.5 1.14 2.4 2.6 2.13 2.23": "ADD",
    "1.5 1.14 2.4 2.6 2.20 2.23": "PAD",
    "1.5 1.14 2.5": "RELU6",
    "1.5 2.1 2.5": "RELU",
    "1.5 2.7 2.8 2.9 2.12 2.15 2.17 2.21 2.23": "CAST",
    "1.6 1.14 1.15 2.3 2.4 2.12 2.14.4 2.22 2.23": "TRANSPOSE",
    "1.6 1.14 1.15 2.4 2.5 2.13 2.15 2.23": "GATHER",
    "1.6 1.14 2.1 2.2 2.5 2.6 2.14 2.14": "STRIDED_SLICE",
    "1.6 1.14 2.3 2.4 2.4": "SUB",
    "1.6 1.14 2.3 2.12": "BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND",
    "1.6 1.14 2.4": "MEAN",
    "1.6 2.3": "DIV",
    "1.6 2.5": "SQUEEZE",
    "1.7 1.10 1.14 2.3": "LSTM",
    "1.7 1.14 2.2 2.5": "RESIZE_BILINEAR",
    "1.7 1.14 2.13": "TOPK_V2",
    "1.7 2.12": "EXP",
    "1.8": "PRELU",
    "1.9": "FLOOR NEG",
    "1.9 1.14 1.15": "SPARSE_TO_DENSE",
    "1.9 1.14 2.4 2.6 2.20 2.23": "PADV2",
    "1.9 1.14 2.9": "ARG_MAX ARG_MIN",
    "1.9 2.2 2.3 2.13 2.15": "TRANSPOSE_CONV",
    "1.9 2.23": "SIN",
    "1.10": "EXPAND_DIMS POW SHAPE",
    "1.10 1.15": "SUM",
    "1.10 2.5 2.15": "RSQRT",
    "1.10 2.21": "SQRT",
    "1.10.1 2.2 2.8": "TILE",
    "1.11": "LOGICAL_AND LOGICAL_NOT LOGICAL_OR ONE_HOT REDUCE_ANY",
    "1.11 1.14 2.2 2.3 2.22 2.23": "UNPACK",
    "1.11 1.14 2.3 2.13 2.23": "PACK",
    "1.11 1.14 2.5": "REDUCE_MAX REDUCE_MIN",
    "1.11 2.6": "REDUCE_PROD",
    "1.12": "SQUARE ZEROS_LIKE",
    "1.13 1.14 1.14 2.18 2.21": "EMBEDDING_LOOKUP",
    "1.13 2.3 2.5 2.12 2.23": "FILL",
    "1.13 2.4 2.5 2.6 2.12": "ABS",
    "1.13 2.13": "FLOOR_MOD",
    "1.13 2.14": "RANGE",
    "1.13.1 1.14 1.15 2.2 2.7 2.18 2.21 2.22 2.23": "DEQUANTIZE",
    "1.13.1 1.14 2.3 2.4": "RESIZE_NEAREST_NEIGHBOR",
    "1.13.1 1.14 2.3 2.12": "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "1.13.1 2.3": "LEAKY_RELU",
    "1.13.1 2.3 2.12": "MIRROR_PAD",
    "1.13.1 2.3 2.23": "SPLIT_V",
    "1.13.1 2.5": "SQUARED_DIFFERENCE",
    "1.14": "ADD_N CEIL ELU MATRIX_DIAG MATRIX_SET_DIAG RANK REVERSE_SEQUENCE ROUND UNIQUE",
    "1.14 1.14": "GREATER LESS_EQUAL LOG_SOFTMAX",
    "1.14 1.14 1.14": "BIDIRECTIONAL_SEQUENCE_LSTM",
    "1.14 1.14 1.14 2.4 2.5 2.14 2.21 2.23": "SLICE",
    "1.14 1.14 2.3": "BIDIRECTIONAL_SEQUENCE_RNN LOGISTIC TANH UNIDIRECTIONAL_SEQUENCE_RNN",
    "1.14 1.14 2.3 2.3": "MAXIMUM MINIMUM",
    "1.14 1.14 2.3 2.13 2.21": "EQUAL",
    "1.14 1.14 2.3 2.21": "NOT_EQUAL",
    "1.14 1.14 2.12 2.12": "SELECT",
    "1.14 1.14 2.13": "FLOOR_DIV GREATER_EQUAL LESS",
    "1.14 1.15 2.7 2.21 2.21 2.21": "QUANTIZE",
    "1.14 2.2 2.5 2.23": "REVERSE_V2",
    "1.14 2.3 2.5 2.13 2.16 2.23": "GATHER_ND",
    "1.14 2.8": "WHERE",
    "1.14 2.15": "LOG",
    "1.14 2.23": "COS",
    "1.15": "HARD_SWISH IF WHILE",
    "2.1": "NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND",
    "2.1 2.5": "DEPTH_TO_SPACE",
    "2.2": "DENSIFY SEGMENT_SUM",
    "2.2 2.12": "SELECT_V2",
    "2.3 2.3 2.4 2.5": "BATCH_MATMUL",
    "2.4": "CUMSUM",
    "2.5": ("CALL_ONCE COMPLEX_ABS CONV_3D HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE IMAG REAL RFFT2D"),
    "2.6": "ASSIGN_VARIABLE BROADCAST_ARGS CONV_3D_TRANSPOSE READ_VARIABLE REDUCE_ALL VAR_HANDLE",
    "2.8": "BUCKETIZE MULTINOMIAL RANDOM_STANDARD_NORMAL RANDOM_UNIFORM",
    "2.9 2.9 2.23": "GELU",
    "2.9 2.17 2.19 2.20 2.21 2.22": "DYNAMIC_UPDATE_SLICE",
    "2.10": "ATAN2 RELU_0_TO_1 UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_SUM",
    "2.11": "UNSORTED_SEGMENT_MIN",
    "2.11 2.12": "SIGN",
    "2.13": "BITCAST BITWISE_XOR RIGHT_SHIFT",
    "2.15": "DILATE REDUCE_WINDOW STABLEHLO_RNG_BIT_GENERATOR STABLEHLO_SCATTER",
    "2.16": (
        "STABLEHLO_ADD STABLEHLO_GATHER STABLEHLO_MAXIMUM STABLEHLO_MINIMUM STABLEHLO_MULTIPLY STABLEHLO_PAD "
        "STABLEHLO_REDUCE_WINDOW"
    ),
    "2.17": "STABLEHLO_AND STABLEHLO_CASE STABLEHLO_CBRT STABLEHLO_COMPOSITE STABLEHLO_SHIFT_LEFT",
}
RUNTIME_VERSIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {op: tuple(runtimes.split()) for runtimes, ops in _RUNTIMES_OF.items() for op in ops.split()}
)


def minimum_runtime(op: str, version: int) -> str | None:
    """The oldest runtime that has this version of a builtin operator; None where none is known to have it.

    >>> minimum_runtime("FULLY_CONNECTED", 4), minimum_runtime("FULLY_CONNECTED", 99)
    ('1.14', None)
    """
    runtimes = RUNTIME_VERSIONS.get(op, ())
    found = runtimes[version - 1] if 1 <= version <= len(runtimes) else "-"
    return None if found == "-" else found


def release(version: str) -> tuple[int, ...]:
    """A version as numbers that can be compared; what stands behind them (`rc0`) counts for nothing.

    Raises NumericsError where there is no number.

    >>> release("2.9.1") < release("2.16")
    True
    """
    found = re.match(r"\d+(\.\d+)*", version.strip())
    if found is None:
        raise NumericsError(f"a runtime's version is numbers with dots between, such as 2.16.1; received {version!r}")
    numbers = [int(part) for part in found.group().split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
