"""What LiteRT's integer kernels compute, in NumPy, exact to the bit: one op a file, each kernel set.

`run` computes one op, `simulate` a whole graph. Nothing here touches the LiteRT runtime or its schema; that LiteRT
gives the same codes is what tests/parity/kernels shows, op by op.

Kernel sets: "reference" is LiteRT's plain kernels, "builtin" its optimised ones, "xnnpack" the default of an app:
XNNPACK where it takes the op and builtin for the rest. What XNNPACK takes is decided in the op's own file.
"tflite_micro" is the portable kernels of TensorFlow Lite for Microcontrollers: LiteRT's plain ones, but for
multipliers in double precision where LiteRT's are float32, FULLY_CONNECTED, RELU6, and the int8 LOGISTIC and TANH.
What a kernel set lacks stands in `availability`.

What is claimed is LiteRT 2.3 on x86 (`SIMULATED_ON`), on one thread or several. Where vectors round otherwise than
single elements do, the builtin kernels' vectors are those that x86 and arm64 share; where an architecture is known to
differ, the op's file says so.
"""

from __future__ import annotations

from collections.abc import Mapping

from qat_kit.kernels.call import Call, Kernel, Operand
from qat_kit.kernels.graph import simulate
from qat_kit.kernels.table import KERNELS, run

# The runtime that the tests hold the kernels to, in the words of `qat_kit.litert.interpreter.runtime_identity`.
SIMULATED_ON: Mapping[str, str] = {"litert": "2.3", "architecture": "x86_64"}

__all__ = ["KERNELS", "SIMULATED_ON", "Call", "Kernel", "Operand", "run", "simulate"]
