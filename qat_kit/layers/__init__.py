"""Keras layers for operators of LiteRT that tf_keras has no layer for: one operator each, no weights but constants.

`prepare` puts them where a model computes with operations on tensors, or where a layer is taken apart. All are
serialisable and run in float32 and float64. `FakeQuantize` is no operator: it is there to be placed by hand.
"""

from qat_kit.layers.affine import PerChannelAffine
from qat_kit.layers.batch import JoinBatch, SplitBatch
from qat_kit.layers.constant import WithConstant
from qat_kit.layers.depth_space import DepthSpace
from qat_kit.layers.divide import Divide
from qat_kit.layers.elementwise import Elementwise
from qat_kit.layers.fake_quantize import FakeQuantize
from qat_kit.layers.masked import Masked
from qat_kit.layers.matmul import MatMul
from qat_kit.layers.normalize import AppendConstant, L2Normalize, RMSNormalization
from qat_kit.layers.pad import Pad
from qat_kit.layers.reduce import Reduce
from qat_kit.layers.saturated import Saturated
from qat_kit.layers.select import NotEqual, Positive, Select
from qat_kit.layers.slice import StridedSlice

__all__ = [
    "AppendConstant",
    "DepthSpace",
    "Divide",
    "Elementwise",
    "FakeQuantize",
    "JoinBatch",
    "L2Normalize",
    "Masked",
    "MatMul",
    "NotEqual",
    "Pad",
    "PerChannelAffine",
    "Positive",
    "RMSNormalization",
    "Reduce",
    "Saturated",
    "Select",
    "SplitBatch",
    "StridedSlice",
    "WithConstant",
]
