"""From the names of a file's tensors back to the Keras layers that they came from.

The converter calls a tensor after the graph nodes that it was made of: `digits/relu1/Relu;digits/conv1/Conv2D` is the
output of a convolution that took a ReLU in. Nodes are joined with ";", scopes with "/", and a digit is hung on the
last component where a name would stand twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

# What the converter makes up itself: these names hold no layer.
_MADE_UP = re.compile(r"^(arith|tfl|tf|std)\.|^StatefulPartitionedCall|^PartitionedCall|^Identity(_\d+)?$")
# TensorFlow's own nodes and scopes within a layer.
_NODE = re.compile(
    r"(BiasAdd|ReadVariableOp|MatMul|Tensordot|Conv2D|Relu6?|FakeQuant\w*|Reshape|depthwise|(weights|act)_quant|\w*_Fold"
    r"|batchnorm|ones|zeros|(AllValues|MovingAvg|LastValue)Quant(ize)?)(_?\d+)?$"
)
# tfmot calls its wrapper of layer `conv` so, and the layer that quantizes an input `quantize_layer`.
_WRAPPER = "quant_"
# Nodes whose names end otherwise than the operator is called.
_NODE_NAMES = {"FULLY_CONNECTED": ("matmul", "tensordot", "dense"), "TRANSPOSE_CONV": ("conv2d_transpose",)}


def parts(tensor_name: str) -> list[str]:
    """The node names that a tensor's name is joined of.

    >>> parts("digits/relu1/Relu;;digits/conv1/Conv2D")
    ['digits/relu1/Relu', 'digits/conv1/Conv2D']
    """
    return [part for part in tensor_name.split(";") if part]


def scope_name(layer: str) -> str:
    """A layer's name as TensorFlow writes it into scopes: what a scope cannot hold becomes "_".

    >>> scope_name("conv 1")
    'conv_1'
    """
    return re.sub(r"[^A-Za-z0-9_.\-/]", "_", layer)


def named_layers(tensor_name: str, layers: Iterable[str]) -> list[str]:
    """The known layers whose names stand as whole path components in a tensor's name, longest first.

    A layer in tfmot's wrapper is found by its own name, too.

    >>> named_layers("digits/conv1_1/Conv2D1;digits/conv1/Relu", ["conv1", "conv1_1", "conv"])
    ['conv1_1', 'conv1']
    >>> named_layers("digits/quant_conv1/Conv2D", ["conv1"])
    ['conv1']
    """
    scopes = [f"/{part}/" for part in parts(tensor_name)]
    names = {layer: scope_name(layer) for layer in layers}
    found = {layer for layer, name in names.items() if any(f"/{name}/" in scope for scope in scopes)}
    if not found:
        wrapped = {layer: f"/{_WRAPPER}{name}/" for layer, name in names.items()}
        found = {layer for layer, name in wrapped.items() if any(name in scope for scope in scopes)}
    return sorted(found, key=lambda layer: (-len(layer), layer))


def layer_of(tensor_name: str, op: str | None, layers: Sequence[str]) -> str | None:
    """The Keras layer that a tensor belongs to; None where its name does not say.

    Of several nodes in one name, the one that is called like `op` decides. Where none of the known layers stands in
    a node's name, the layer is guessed: the innermost scope that is none of TensorFlow's own.

    >>> layer_of("digits/relu1/Relu;digits/conv1/Conv2D", "CONV_2D", ["relu1", "conv1"])
    'conv1'
    >>> layer_of("model/block/conv1/BiasAdd/ReadVariableOp", None, [])
    'conv1'
    >>> layer_of("arith.constant1", None, ["conv1"]) is None
    True
    """
    known = {part: named_layers(part, layers) for part in parts(tensor_name)}
    for part in sorted(known, key=lambda part: (_rank(part, op), not known[part])):
        found = known[part] or _guess(part, must_have_scope=bool(layers))
        if found:
            return found[0]
    return None


def _rank(part: str, op: str | None) -> int:
    """0 for the node that is the operator, 2 for a fake quantizer beside it, 1 for all else."""
    node = re.sub(r"_?\d+$", "", part.rsplit("/", 1)[-1]).lower()
    if node.startswith("fakequant"):
        return 2
    wanted = (op.lower().replace("_", ""), *_NODE_NAMES.get(op, ())) if op else ()
    return 0 if node and any(name.startswith(node) or name in node for name in wanted) else 1


def _guess(part: str, *, must_have_scope: bool) -> list[str]:
    if _MADE_UP.match(part):
        return []
    scopes = part.removeprefix("serving_default_").split(":")[0].split("/")
    if len(scopes) == 1:
        return scopes if scopes[0][:1].islower() and not must_have_scope else []
    found = [scope for scope in scopes[:-1] if scope and not _NODE.match(scope)][-1:]
    return [scope.removeprefix(_WRAPPER) for scope in found]
