"""CONCATENATION: the same codes one behind the other, in every kernel set."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.call import Call


def concatenation(call: Call) -> tuple[NDArray[Any]]:
    """The codes of all inputs along `axis`.

    Raises NotSimulatedError for inputs of 8 bits under other parameters than the output's (int8 ones LiteRT refuses to
    load too; a converter puts QUANTIZE in front), and for other types than int8, uint8 and int16. LiteRT does copy
    int16 codes under whatever scales, and so it is done here.

    Source: tflite/kernels/concatenation.cc, VisitConcatenationNode in xnnpack_delegate.cc.
    """
    output = call.output
    operands = [call.input(position) for position in range(len(call.inputs))]
    if output.type not in ("INT8", "UINT8", "INT16"):
        raise call.refuse(f"type {output.type}")
    if output.type != "INT16" and any((x.scale32, x.zero) != (output.scale32, output.zero) for x in operands):
        raise call.refuse("inputs under other scales than the output's")
    return (np.concatenate([x.values for x in operands], axis=int(call.options["axis"])),)
