"""TensorFlow functions straight through the converter, for facts about the converter itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from qat_kit.litert.model_file import ModelFile, read_model


def converted_bytes(function: Callable[..., Any], *shapes: Sequence[int], ends: Any = tf.int8) -> bytes:
    """`function` over float inputs of these shapes as a file; int8 at its ends, and no representative dataset."""
    signature = [tf.TensorSpec(shape, tf.float32, name=f"input{index}") for index, shape in enumerate(shapes)]
    module = tf.Module()
    concrete = tf.function(function, input_signature=signature).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = converter.inference_output_type = ends
    return bytes(converter.convert())


def converted(function: Callable[..., Any], *shapes: Sequence[int], ends: Any = tf.int8) -> ModelFile:
    """As `converted_bytes`, read."""
    return read_model(converted_bytes(function, *shapes, ends=ends))


def fake(value: Any, minimum: float = -4.0, maximum: float = 4.0) -> Any:
    return tf.quantization.fake_quant_with_min_max_vars(value, minimum, maximum, num_bits=8)


def ops(model: ModelFile) -> list[str]:
    """Operators, each with the activation that it took in."""
    return [
        operator.op if operator.fused_activation == "NONE" else f"{operator.op}+{operator.fused_activation}"
        for operator in model.subgraphs[0].operators
    ]


def conv(value: Any, filters: int = 4) -> Any:
    kernel = np.random.default_rng(2).normal(0.0, 0.3, (3, 3, value.shape[-1], filters)).astype(np.float32)
    return tf.nn.bias_add(tf.nn.conv2d(value, kernel, 1, "SAME"), np.full(filters, 0.1, np.float32))
