"""Why 16-bit activations for one layer are tried in simulation alone (`qat_kit.debug.trying`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from qat_kit.errors import ModelFileError
from qat_kit.litert.interpreter import KERNEL_SETS, Interpreter, KernelSet, Limits
from qat_kit.litert.model_file import read_model
from tests.support.conversion import conv, converted_bytes, fake
from tests.support.tflite import Builder


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
@pytest.mark.parametrize(("source", "result"), [("INT8", "INT16"), ("INT16", "INT8")])
def test_quantize_leads_from_8_bits_to_16_and_back(kernel_set: KernelSet, source: str, result: str) -> None:
    scale = {"INT8": 2**-4, "INT16": 2**-12}
    graph, kinds = Builder(), zip("xy", (source, result), strict=True)
    x, y = (graph.tensor(name, [1, 8], kind, scale=[scale[kind]], zero_point=[0]) for name, kind in kinds)
    graph.op("QUANTIZE", [x], [y], version=2)
    codes = np.arange(-4, 4) * (1 if source == "INT8" else 256)
    with Interpreter(graph.bytes([x], [y]), kernel_set=kernel_set, limits=Limits()) as interpreter:
        (answer,) = interpreter.run(codes[None].astype(source.lower()))
    np.testing.assert_array_equal(answer * scale[result], codes * scale[source])


def test_the_converter_mixes_widths_as_no_kernel_takes_them() -> None:
    """Convolutions of 8 and 16 bits, by FakeQuant: no QUANTIZE between them, and LiteRT refuses what comes out."""

    def wide(value: Any) -> Any:
        return tf.quantization.fake_quant_with_min_max_args(value, -4, 4, num_bits=16, narrow_range=True)

    content = converted_bytes(lambda x: fake(conv(wide(conv(fake(x))))), (1, 6, 6, 4))
    graph = read_model(content).subgraphs[0]
    kinds = [
        (each.op, graph.tensors[each.inputs[0]].type, graph.tensors[each.outputs[0]].type) for each in graph.operators
    ]
    assert kinds == [("CONV_2D", "INT8", "INT16"), ("CONV_2D", "INT16", "INT8")]
    for kernel_set in KERNEL_SETS:
        with pytest.raises(ModelFileError, match="CONV_2D"):
            Interpreter(content, kernel_set=kernel_set, limits=Limits())
