"""What no rewrite could turn into a plain layer is refused by name."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare.graph import Graph, Operand

# What tf_keras makes of an operation on its tensors.
_TENSOR_OPERATIONS = ("TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod", "InstanceProperty")


# Layers that stay float in the file, and that are not taken apart: why, and what to do.
_STAYING_FLOAT = {
    "Conv3DTranspose": (
        "The converter leaves CONV_3D_TRANSPOSE float, though LiteRT has an int8 kernel for it "
        "(tflite/kernels/conv3d_transpose.cc). Use UpSampling3D and Conv3D, or Conv2DTranspose at each step: "
        "TimeDistributed(Conv2DTranspose(…))."
    ),
}


def refuse_staying_float(graph: Graph) -> None:
    """Raises UnsupportedLayerError for a layer that the converter leaves float."""
    for node in graph.nodes.values():
        if node.kind in _STAYING_FLOAT and node.layer_class.__module__.startswith("tf_keras."):
            raise UnsupportedLayerError(node.name, node.kind, _STAYING_FLOAT[node.kind])


def refuse_channels_first(graph: Graph) -> None:
    """Raises UnsupportedLayerError for a layer with channels first that `run_channels_last` does not turn."""
    for node in graph.nodes.values():
        inner = node.config.get("layer")
        configs = [node.config, *([inner["config"]] if isinstance(inner, dict) and "config" in inner else [])]
        if any(config.get("data_format") == "channels_first" for config in configs):
            raise UnsupportedLayerError(
                node.name,
                f"{node.kind}(data_format='channels_first')",
                "LiteRT's kernels and TensorFlow's on a CPU have channels last; layers of images are turned, this is "
                "none of them. Build the model with "
                "data_format='channels_last' (and batch norm with axis=-1) and give it the same weights: kernels have "
                "one layout in both; a Dense behind a Flatten needs its rows in the other order.",
            )


def refuse_remaining(graph: Graph) -> None:
    """Raises UnsupportedLayerError for an operation on tensors, a call with arguments, a layer of several outputs."""
    for node in graph.nodes.values():
        if node.kind in _TENSOR_OPERATIONS:
            raise UnsupportedLayerError(
                node.name,
                node.kind,
                "It is an operation on tensors (`a + b`, `tf.…`); use a layer: Add, Multiply, ReLU, Reshape, …",
            )
        if node.arguments:
            given = ", ".join(f"{key}={_shown(value)}" for key, value in node.arguments.items())
            raise UnsupportedLayerError(node.name, node.kind, f"It is called with {given}; call it with inputs alone.")
        if node.further_shapes:
            raise UnsupportedLayerError(node.name, node.kind, "It returns several tensors; split it into layers.")


def _shown(value: Any) -> str:
    """An argument in a message: a tensor by the word, long values cut."""
    shown = tf.nest.map_structure(lambda item: "<tensor>" if isinstance(item, Operand) else item, value)
    text = str(shown)
    return text if len(text) <= 60 else f"{text[:57]}…"
