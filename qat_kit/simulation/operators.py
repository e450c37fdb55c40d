"""Which LiteRT operator a prepared Keras layer becomes.

What the operator then means for quantization stands in `qat_kit.spec`, and only there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tf_keras

from qat_kit import layers as own
from qat_kit.errors import UnsupportedLayerError, nearest
from qat_kit.layers import DepthSpace, JoinBatch, MatMul, Pad, Reduce, SplitBatch, StridedSlice
from qat_kit.prepare.activations import activation_name
from qat_kit.prepare.augmentation import AUGMENTATIONS
from qat_kit.prepare.graph import Node
from qat_kit.prepare.linear import OUTPUT_AXES
from qat_kit.spec import ScaleZeroPoint, op_spec

_layers = tf_keras.layers


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """Where a layer keeps its quantized weights.

    attribute: of the Keras layer. channel_axes: its dimensions that run over output channels.
    """

    attribute: str
    channel_axes: tuple[int, ...]


# A layer that the file does not have: it is there for training only, or names its input.
IDENTITY = "identity"

# A batch norm that training keeps behind a kernel (`batch_norm="train_then_fold"`): part of that kernel's operator.
LIVE_BATCH_NORM = "batch norm"

_DEPTHWISE = (_layers.DepthwiseConv1D, _layers.DepthwiseConv2D)
KERNELS: dict[type[tf_keras.layers.Layer], Kernel] = {
    kind: Kernel(attribute="depthwise_kernel" if kind in _DEPTHWISE else "kernel", channel_axes=axes)
    for kind, axes in OUTPUT_AXES.items()
}

_OPERATORS: dict[type[tf_keras.layers.Layer], str] = {
    _layers.InputLayer: IDENTITY,
    _layers.BatchNormalization: LIVE_BATCH_NORM,
    own.FakeQuantize: IDENTITY,
    _layers.Dropout: IDENTITY,
    _layers.SpatialDropout1D: IDENTITY,
    _layers.SpatialDropout2D: IDENTITY,
    _layers.GaussianNoise: IDENTITY,
    _layers.GaussianDropout: IDENTITY,
    **dict.fromkeys(AUGMENTATIONS, IDENTITY),
    _layers.Conv1D: "CONV_2D",
    _layers.Conv2D: "CONV_2D",
    _layers.DepthwiseConv1D: "DEPTHWISE_CONV_2D",
    _layers.DepthwiseConv2D: "DEPTHWISE_CONV_2D",
    _layers.Conv2DTranspose: "TRANSPOSE_CONV",
    _layers.Dense: "FULLY_CONNECTED",
    _layers.Add: "ADD",
    _layers.Subtract: "SUB",
    _layers.Multiply: "MUL",
    _layers.Maximum: "MAXIMUM",
    _layers.Minimum: "MINIMUM",
    _layers.Concatenate: "CONCATENATION",
    _layers.MaxPooling1D: "MAX_POOL_2D",
    _layers.MaxPooling2D: "MAX_POOL_2D",
    _layers.AveragePooling1D: "AVERAGE_POOL_2D",
    _layers.AveragePooling2D: "AVERAGE_POOL_2D",
    _layers.GlobalAveragePooling1D: "MEAN",
    _layers.GlobalAveragePooling2D: "MEAN",
    _layers.GlobalAveragePooling3D: "MEAN",
    _layers.GlobalMaxPooling3D: "REDUCE_MAX",
    _layers.ZeroPadding3D: "PAD",
    _layers.Cropping3D: "STRIDED_SLICE",
    _layers.GlobalMaxPooling1D: "REDUCE_MAX",
    _layers.GlobalMaxPooling2D: "REDUCE_MAX",
    _layers.Flatten: "RESHAPE",
    _layers.Reshape: "RESHAPE",
    _layers.Permute: "TRANSPOSE",
    _layers.ZeroPadding1D: "PAD",
    _layers.ZeroPadding2D: "PAD",
    Pad: "PAD",
    JoinBatch: "RESHAPE",
    SplitBatch: "RESHAPE",
    StridedSlice: "STRIDED_SLICE",
    MatMul: "BATCH_MATMUL",
    _layers.Embedding: "GATHER",
    _layers.ActivityRegularization: IDENTITY,
    _layers.Identity: IDENTITY,
    _layers.AlphaDropout: IDENTITY,
    _layers.Cropping1D: "STRIDED_SLICE",
    _layers.Cropping2D: "STRIDED_SLICE",
    _layers.LeakyReLU: "LEAKY_RELU",
    _layers.PReLU: "PRELU",
    _layers.Softmax: "SOFTMAX",
    own.AppendConstant: "PADV2",
    own.Divide: "DIV",
    own.L2Normalize: "L2_NORMALIZATION",
    own.Masked: "SELECT_V2",
    own.MatMul: "BATCH_MATMUL",
    own.NotEqual: "NOT_EQUAL",
    own.Positive: "GREATER",
    own.Select: "SELECT_V2",
}

_ACTIVATIONS = {
    "sigmoid": "LOGISTIC",
    "tanh": "TANH",
    "softmax": "SOFTMAX",
    "gelu": "GELU",
    "log_softmax": "LOG_SOFTMAX",
}

# The operators of our own layers whose configuration says what they do: (its entry, the values → operators).
_CONFIGURED: dict[type[tf_keras.layers.Layer], tuple[str, dict[str, str]]] = {
    own.Elementwise: (
        "function",
        {
            "abs": "ABS",
            "exp": "EXP",
            "gelu_tanh": "GELU",
            "hard_swish": "HARD_SWISH",
            "log": "LOG",
            "rsqrt": "RSQRT",
            "sqrt": "SQRT",
        },
    ),
    DepthSpace: ("function", {"depth_to_space": "DEPTH_TO_SPACE", "space_to_depth": "SPACE_TO_DEPTH"}),
    Reduce: ("function", {"mean": "MEAN", "sum": "SUM", "max": "REDUCE_MAX", "min": "REDUCE_MIN"}),
    own.Saturated: ("function", {"relu": "RELU", "exp": "EXP"}),
    own.WithConstant: (
        "operation",
        {"add": "ADD", "subtract": "SUB", "multiply": "MUL", "maximum": "MAXIMUM", "minimum": "MINIMUM"},
    ),
}

_INTERPOLATIONS = {"bilinear": "RESIZE_BILINEAR", "nearest": "RESIZE_NEAREST_NEIGHBOR"}

# These keep the scale of their input and yet compute values between its grid points, which the kernel rounds.
# A constant among them (the padding of PADV2, what SELECT_V2 puts in place) gets on the grid so, too.
ROUNDING_SAME_SCALE = frozenset({"AVERAGE_POOL_2D", "RESIZE_BILINEAR", "PADV2", "SELECT_V2"})


def rounds(node: Node, op: str) -> bool:
    """Whether a node's operator rounds to the scale that it keeps: one of these, or a constant bound."""
    return op in ROUNDING_SAME_SCALE or (op in ("MAXIMUM", "MINIMUM") and node.layer_class is own.WithConstant)


def data_inputs(node: Node) -> tuple[str, ...]:
    """The tensors that a node moves or computes with; a condition is neither."""
    return node.inputs[1:] if node.layer_class is own.Select else node.inputs


def operator_of(node: Node) -> str:
    """The LiteRT operator of a node, or IDENTITY; raises UnsupportedLayerError for a layer that has none."""
    if node.layer_class is _layers.ReLU:
        return _relu(node)
    if node.layer_class in (_layers.UpSampling2D, _layers.Resizing):
        return _upsampling(node)
    if node.layer_class is _layers.Conv2DTranspose and set(node.config["dilation_rate"]) != {1}:
        raise UnsupportedLayerError(
            node.name, f"dilated {node.kind}", "The converter leaves it float; use dilation_rate=1."
        )
    if node.layer_class is _layers.Activation:
        name = activation_name(node)
        if name is None:
            return IDENTITY
        if name in _ACTIVATIONS:
            return _ACTIVATIONS[name]
        raise UnsupportedLayerError(
            node.name,
            f"Activation {name!r}",
            f"Use one of {', '.join(sorted({'relu', 'relu6', 'linear', *_ACTIVATIONS}))}, or the layer LeakyReLU.",
        )
    if node.layer_class in _CONFIGURED:
        return _configured(node)
    if node.layer_class in _OPERATORS:
        return _OPERATORS[node.layer_class]
    known = {kind.__name__ for kind in (*_OPERATORS, *_CONFIGURED)} | {"ReLU", "UpSampling2D", "Activation"}
    raise UnsupportedLayerError(
        node.name, node.kind, f"It becomes no int8 operator. {nearest('layers', node.kind, known)}"
    )


def _configured(node: Node) -> str:
    entry, operators = _CONFIGURED[node.layer_class]
    value = node.config[entry]
    if value not in operators:
        raise UnsupportedLayerError(
            node.name, f"{node.kind}({value!r})", f"LiteRT has int8 operators for {', '.join(sorted(operators))}."
        )
    return operators[value]


def fixed_output_of(node: Node, op: str, *, activation_bits: int) -> ScaleZeroPoint | None:
    """The parameters that a node's output must have: those of its operator, or the range where it saturates."""
    if node.layer_class is own.Saturated and activation_bits == 8:
        return ScaleZeroPoint(float(np.float32(node.config["maximum"] / 255)), -128)
    fixed = None if op in (IDENTITY, LIVE_BATCH_NORM) else op_spec(op).fixed_output
    return fixed.for_bits(activation_bits) if fixed else None


def _upsampling(node: Node) -> str:
    interpolation = node.config["interpolation"]
    if interpolation not in _INTERPOLATIONS:
        raise UnsupportedLayerError(
            node.name,
            f"{node.kind}(interpolation={interpolation!r})",
            f"Use one of {', '.join(_INTERPOLATIONS)}: LiteRT resizes by RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR "
            "alone (tflite/kernels/builtin_op_kernels.h).",
        )
    return _INTERPOLATIONS[interpolation]


def _relu(node: Node) -> str:
    maximum, slope, threshold = (node.config[key] for key in ("max_value", "negative_slope", "threshold"))
    if float(threshold or 0) == 0 and float(slope or 0) == 0 and maximum is None:
        return "RELU"
    if float(threshold or 0) == 0 and float(slope or 0) == 0 and float(maximum) == 6:
        return "RELU6"
    if float(threshold or 0) == 0 and maximum is None:
        return "LEAKY_RELU"
    raise UnsupportedLayerError(
        node.name,
        f"ReLU(max_value={maximum}, negative_slope={slope}, threshold={threshold})",
        "Use ReLU(), ReLU(6.0) or LeakyReLU.",
    )
