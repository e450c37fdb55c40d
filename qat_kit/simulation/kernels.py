"""The scales and codes that the file must hold of a kernel on its grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qat_kit.numerics import QuantParams
from qat_kit.simulation.quantizers import WEIGHT_SPEC

# A narrower range is widened to this half range on both sides (ExpandVerySmallRange).
SMALLEST_MAXIMUM = 5e-7
# What a bias may take of int32, to leave room in the accumulator (kBiasMax).
LARGEST_BIAS_CODE = (2**31 - 1) // 2


def params_in_file(
    kernel: NDArray[np.float32],
    bias: NDArray[np.float32] | None,
    input_scale: float,
    trained: QuantParams | None = None,
) -> QuantParams:
    """The parameters of a kernel in the file, per channel: those of training, but for channels next to zero.

        scale = the trained one, or max(max|w|, 5e-7) / 127 where the converter finds it
        at least 5e-7 / 127,   at least |bias| / (⌊(2³¹ − 1) / 2⌋ · input_scale)

    in double precision and cast once. For a channel in use that is the scale that training used; the floors are the
    converter's, and concern channels so weak that they hardly matter (all zero, or left by a batch norm with a gamma
    next to zero).

    kernel: [other, channels], on its grid. bias: [channels]; None where there is none. input_scale: before its cast.
    trained: what training used; None for 8 bits with a step from the largest weight, which the converter finds again.

    Source: SetBiasParamsWithAdjustments in tensorflow/compiler/mlir/lite/quantization/common/quantization_lib/
    quantization_driver.cc; ExpandVerySmallRange in quantization_utils.cc beside it.

    >>> params_in_file(np.array([[127.0, 0.0], [1.0, 0.0]], np.float32), None, 0.1, None).scale.tolist()
    [1.0, 3.937008052901092e-09]
    """
    if trained is None:
        found = np.max(np.abs(kernel), axis=0).astype(np.float64) / WEIGHT_SPEC.integer_maximum
    else:
        found = trained.scale.astype(np.float64)
    scale = np.maximum(found, SMALLEST_MAXIMUM / WEIGHT_SPEC.integer_maximum)
    if bias is not None:
        bias_scale = np.abs(bias).astype(np.float64) / LARGEST_BIAS_CODE
        scale = np.maximum(scale, bias_scale / input_scale)
    return QuantParams(
        spec=trained.spec if trained else WEIGHT_SPEC,
        scale=scale.astype(np.float32),
        zero_point=np.zeros(scale.shape, np.int32),
        axis=1,
    )
