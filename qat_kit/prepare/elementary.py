"""Activation functions that LiteRT has no int8 kernel for → a few operators that have one, exactly.

    elu        relu(x) + alpha · (exp(min(x, 0)) − 1)
    selu       1.0507 · elu(x) with alpha 1.6733
    softplus   relu(x) − log(sigmoid(|x|))
    softsign   x / (1 + |x|)
    mish       x · tanh(softplus(x))

EXP, LOG and ABS are tables of 256 entries in LiteRT, rounded correctly; min(exp(x), 1) is EXP into the range [0, 1],
where it saturates; sigmoid(|x|) lies in [½, 1], where its logarithm is harmless. LiteRT's own ELU has an int8 kernel
(tflite/kernels/activations.cc, EluPrepare), but the converter leaves it float.
"""

from __future__ import annotations

from collections.abc import Callable

import tf_keras

from qat_kit.layers import Divide, Elementwise, Saturated, WithConstant
from qat_kit.prepare.activations import activation_name
from qat_kit.prepare.decomposition import Decomposition
from qat_kit.prepare.graph import Graph, Node

_layers = tf_keras.layers

# Klambauer et al. 2017, arXiv:1706.02515, as tf.nn.selu has them.
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def replace_elementary(graph: Graph) -> Graph:
    """Takes apart what is listed above, as a layer or by name, and gives the other functions by name their layer."""
    for name in tuple(graph.nodes):
        node = graph.nodes[name]
        parts = Decomposition(graph, node)
        if node.layer_class is _layers.ELU:
            graph = parts.replaced(_elu(parts, node.inputs[0], float(node.config["alpha"])))
        elif (build := _build(node)) is not None:
            graph = parts.replaced(build(parts, node.inputs[0]))
    return graph


def _build(node: Node) -> Callable[[Decomposition, str], str] | None:
    if node.layer_class is Elementwise and node.config["function"] == "hard_sigmoid":
        return _hard_sigmoid_of_six
    return _FUNCTIONS.get(str(activation_name(node))) if node.layer_class is _layers.Activation else None


def _elu(parts: Decomposition, source: str, alpha: float = 1.0) -> str:
    power = parts.add(Saturated, source, part="exp", function="exp", maximum=1.0)
    negative = parts.add(WithConstant, power, part="minus_one", operation="subtract", value=1.0)
    if alpha != 1.0:
        negative = parts.add(WithConstant, negative, part="alpha", operation="multiply", value=alpha)
    positive = parts.add(_layers.ReLU, source, part="relu")
    return parts.add(_layers.Add, positive, negative, part="elu")


def _selu(parts: Decomposition, source: str) -> str:
    return parts.affine(_elu(parts, source, _SELU_ALPHA), _SELU_SCALE, part="selu")


def _softplus(parts: Decomposition, source: str) -> str:
    magnitude = parts.add(Elementwise, source, part="abs", function="abs")
    sigmoid = parts.add(_layers.Activation, magnitude, part="sigmoid", activation="sigmoid")
    logarithm = parts.add(Elementwise, sigmoid, part="log", function="log")
    positive = parts.add(_layers.ReLU, source, part="relu")
    return parts.add(_layers.Subtract, positive, logarithm, part="softplus")


def _softsign(parts: Decomposition, source: str) -> str:
    magnitude = parts.add(Elementwise, source, part="abs", function="abs")
    divisor = parts.add(WithConstant, magnitude, part="plus_one", operation="add", value=1.0)
    return parts.add(Divide, source, divisor, part="softsign")


def _mish(parts: Decomposition, source: str) -> str:
    gate = parts.add(_layers.Activation, _softplus(parts, source), part="tanh", activation="tanh")
    return parts.add(_layers.Multiply, source, gate, part="mish")


def _hard_sigmoid(parts: Decomposition, source: str) -> str:
    """tf_keras': clip(0.2 x + 0.5, 0, 1)."""
    return parts.add(Saturated, parts.affine(source, 0.2, 0.5), part="relu", function="relu", maximum=1.0)


def _hard_sigmoid_of_six(parts: Decomposition, source: str) -> str:
    """Keras 3's: relu6(x + 3) / 6."""
    return parts.add(Saturated, parts.affine(source, 1 / 6, 0.5), part="relu", function="relu", maximum=1.0)


_FUNCTIONS: dict[str, Callable[[Decomposition, str], str]] = {
    "elu": _elu,
    "selu": _selu,
    "softplus": _softplus,
    "softsign": _softsign,
    "mish": _mish,
    "exponential": lambda parts, source: parts.add(Elementwise, source, part="exp", function="exp"),
    "hard_sigmoid": _hard_sigmoid,
    "leaky_relu": lambda parts, source: parts.add(_layers.LeakyReLU, source, part="leaky", alpha=0.2),
}
