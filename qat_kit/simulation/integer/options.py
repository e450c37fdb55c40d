"""What the file's operator is told beside its data: options and constant operands, from the Keras layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tf_keras

from qat_kit.kernels import Operand
from qat_kit.layers import Elementwise, Reduce

_layers = tf_keras.layers

# What global pools average over.
GLOBAL_AXES: Mapping[type, tuple[int, ...]] = {
    _layers.GlobalAveragePooling1D: (1,),
    _layers.GlobalAveragePooling2D: (1, 2),
    _layers.GlobalAveragePooling3D: (1, 2, 3),
}


def operator_options(wrapper: Any) -> tuple[dict[str, Any], tuple[Operand, ...]]:
    """Options by the schema's names, and the arguments that stand behind the operands."""
    layer = wrapper.layer
    match wrapper.quantize_config.op:
        case "MEAN" | "SUM":
            axes = layer.axes if isinstance(layer, Reduce) else GLOBAL_AXES[type(layer)]
            return {"keep_dims": layer.keepdims}, (_constant(axes),)
        case "RESIZE_BILINEAR":
            # The kernel takes the size from its output; that the operand is constant tells XNNPACK that it may.
            return {"half_pixel_centers": True}, (_constant([0, 0]),)
        case "LEAKY_RELU":
            slope = layer.alpha if isinstance(layer, _layers.LeakyReLU) else layer.negative_slope
            return {"alpha": float(slope)}, ()
        case "SOFTMAX":
            return {"beta": 1.0}, ()
        case "GELU":
            return {"approximate": isinstance(layer, Elementwise)}, ()
    return {}, ()


def _constant(values: Sequence[int]) -> Operand:
    codes = np.array(values, np.int32)
    return Operand(type="INT32", shape=codes.shape, codes=codes, is_constant=True)
