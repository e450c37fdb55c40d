"""The op's name and its kernel: `KERNELS`, `run`. Only what is bit-equal with LiteRT stands here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from qat_kit.errors import UnknownNameError
from qat_kit.kernels.abs import abs_op
from qat_kit.kernels.add import add
from qat_kit.kernels.arg_extremes import arg_max, arg_min
from qat_kit.kernels.availability import check_available
from qat_kit.kernels.average_pool_2d import average_pool_2d
from qat_kit.kernels.batch_matmul import batch_matmul
from qat_kit.kernels.broadcast_to import broadcast_to
from qat_kit.kernels.call import Call, Kernel
from qat_kit.kernels.cast import cast
from qat_kit.kernels.comparisons import compare
from qat_kit.kernels.concatenation import concatenation
from qat_kit.kernels.conv_2d import conv_2d
from qat_kit.kernels.cumsum import cumsum
from qat_kit.kernels.depth_space import depth_to_space, space_to_depth
from qat_kit.kernels.depthwise_conv_2d import depthwise_conv_2d
from qat_kit.kernels.dequantize import dequantize
from qat_kit.kernels.div import div
from qat_kit.kernels.elu import elu
from qat_kit.kernels.embedding_lookup import embedding_lookup
from qat_kit.kernels.exp import exp
from qat_kit.kernels.fully_connected import fully_connected
from qat_kit.kernels.gather import gather
from qat_kit.kernels.gather_nd import gather_nd
from qat_kit.kernels.gelu import gelu
from qat_kit.kernels.hard_swish import hard_swish
from qat_kit.kernels.l2_normalization import l2_normalization
from qat_kit.kernels.leaky_relu import leaky_relu
from qat_kit.kernels.log import log
from qat_kit.kernels.log_softmax import log_softmax
from qat_kit.kernels.logistic import logistic
from qat_kit.kernels.max_pool_2d import max_pool_2d
from qat_kit.kernels.maximum_minimum import maximum, minimum
from qat_kit.kernels.mean import mean
from qat_kit.kernels.mirror_pad import mirror_pad
from qat_kit.kernels.mul import mul
from qat_kit.kernels.neg import neg
from qat_kit.kernels.pack import pack, unpack
from qat_kit.kernels.pad import pad
from qat_kit.kernels.prelu import prelu
from qat_kit.kernels.quantize import quantize
from qat_kit.kernels.reduce_extremes import reduce_max, reduce_min
from qat_kit.kernels.relu import relu, relu6, relu_0_to_1, relu_n1_to_1
from qat_kit.kernels.reshape import reshape
from qat_kit.kernels.resize_bilinear import resize_bilinear
from qat_kit.kernels.resize_nearest_neighbor import resize_nearest_neighbor
from qat_kit.kernels.reverse import reverse
from qat_kit.kernels.rsqrt import rsqrt
from qat_kit.kernels.select import select, select_v2
from qat_kit.kernels.slice import slice_op
from qat_kit.kernels.softmax import softmax
from qat_kit.kernels.space_batch import batch_to_space_nd, space_to_batch_nd
from qat_kit.kernels.split import split, split_v
from qat_kit.kernels.sqrt import sqrt
from qat_kit.kernels.squared_difference import squared_difference
from qat_kit.kernels.strided_slice import strided_slice
from qat_kit.kernels.sub import sub
from qat_kit.kernels.sum import sum_op
from qat_kit.kernels.tanh import tanh
from qat_kit.kernels.tile import tile
from qat_kit.kernels.transpose import transpose
from qat_kit.kernels.transpose_conv import transpose_conv
from qat_kit.kernels.unidirectional_sequence_lstm import unidirectional_sequence_lstm

KERNELS: Mapping[str, Kernel] = {
    "ADD": add,
    "SUB": sub,
    "MUL": mul,
    "MEAN": mean,
    "SUM": sum_op,
    "AVERAGE_POOL_2D": average_pool_2d,
    "MAX_POOL_2D": max_pool_2d,
    "CONCATENATION": concatenation,
    "PAD": pad,
    "PADV2": pad,
    "QUANTIZE": quantize,
    "DEQUANTIZE": dequantize,
    "TRANSPOSE_CONV": transpose_conv,
    "BATCH_MATMUL": batch_matmul,
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "FULLY_CONNECTED": fully_connected,
    "RESHAPE": reshape,
    "TRANSPOSE": transpose,
    "SLICE": slice_op,
    "STRIDED_SLICE": strided_slice,
    "GATHER": gather,
    "SPLIT": split,
    "SPLIT_V": split_v,
    "SQUEEZE": reshape,
    "EXPAND_DIMS": reshape,
    "PACK": pack,
    "UNPACK": unpack,
    "SPACE_TO_DEPTH": space_to_depth,
    "DEPTH_TO_SPACE": depth_to_space,
    "RESIZE_NEAREST_NEIGHBOR": resize_nearest_neighbor,
    "MAXIMUM": maximum,
    "MINIMUM": minimum,
    "REDUCE_MAX": reduce_max,
    "REDUCE_MIN": reduce_min,
    "SOFTMAX": softmax,
    "LOG_SOFTMAX": log_softmax,
    "L2_NORMALIZATION": l2_normalization,
    "RELU": relu,
    "RELU6": relu6,
    "RELU_N1_TO_1": relu_n1_to_1,
    "RELU_0_TO_1": relu_0_to_1,
    "LEAKY_RELU": leaky_relu,
    "PRELU": prelu,
    "HARD_SWISH": hard_swish,
    "RESIZE_BILINEAR": resize_bilinear,
    "LOGISTIC": logistic,
    "TANH": tanh,
    "ELU": elu,
    "GELU": gelu,
    "ABS": abs_op,
    "EXP": exp,
    "LOG": log,
    "SQRT": sqrt,
    "RSQRT": rsqrt,
    "NEG": neg,
    "SQUARED_DIFFERENCE": squared_difference,
    "DIV": div,
    "MIRROR_PAD": mirror_pad,
    "TILE": tile,
    "BROADCAST_TO": broadcast_to,
    "SPACE_TO_BATCH_ND": space_to_batch_nd,
    "BATCH_TO_SPACE_ND": batch_to_space_nd,
    "ARG_MAX": arg_max,
    "ARG_MIN": arg_min,
    "EMBEDDING_LOOKUP": embedding_lookup,
    "REVERSE_V2": reverse,
    "GATHER_ND": gather_nd,
    "SELECT": select,
    "SELECT_V2": select_v2,
    "CAST": cast,
    "CUMSUM": cumsum,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": unidirectional_sequence_lstm,
    "EQUAL": compare,
    "NOT_EQUAL": compare,
    "GREATER": compare,
    "GREATER_EQUAL": compare,
    "LESS": compare,
    "LESS_EQUAL": compare,
}


def run(call: Call) -> tuple[NDArray[Any], ...]:
    """The codes of a call's outputs, each of the output's type and shape.

    Raises UnknownNameError for an op that is not simulated, NotSimulatedError for a type or an option that is not, and
    where the kernel set has no kernel.
    """
    if call.op not in KERNELS:
        raise UnknownNameError("simulated kernel", call.op, KERNELS)
    check_available(call)
    return KERNELS[call.op](call)
