"""Weights that the converter cannot write as training had them, put into the file afterwards.

The converter scales each channel so that its largest weight has code 127. Weights of 4 bits, or powers of two, have
codes of their own, which come out the same in no other scale; and a bias beside int16 activations is int32 as the
converter writes it, and int64 by the specification.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from qat_kit.files import sha256
from qat_kit.litert.options import names_of
from qat_kit.litert.packing import drop_unread, pack_weights
from qat_kit.litert.rewriting import serialized
from qat_kit.results import TrainedTensor, TrainedTensors
from qat_kit.spec import OPS

# What INT4 holds.
_PACKED_BITS = 4
_OP_NAMES = names_of(schema.BuiltinOperator)


def with_trained_weights(file: bytes, trained: TrainedTensors, *, packed_ops: Collection[str] = ()) -> bytes:
    """The file with the weights of training, scales and codes, and with biases that fit them.

    packed_ops: operators whose weights of four bits and fewer go in as INT4, two to a byte; those of all others are
    INT8 with few codes.

    A weight tensor belongs to the layer whose codes are those of its real values under the layer's scales, to the hash.
    What already is as trained stays, and a file of such weights alone is returned as it is. Weights that belong to no
    layer stay too: the certificate compares, and says so.
    """
    model = schema.ModelT.InitFromPackedBuf(file, 0)
    # All are found before any is changed: equal weights stand in the file once, and each of their readers is a layer.
    found = [_found(model, product, trained) for graph in model.subgraphs for product in _products(model, graph)]
    rescaled = {id(each.product.weight) for each in found if _put_weights(model, each, trained)}
    widened = [_put_bias(model, each, is_rescaled=id(each.product.weight) in rescaled) for each in found]
    few_bits = {
        id(each.product.weight)
        for each in found
        if each.layer is not None and trained.weights[each.layer].num_bits <= _PACKED_BITS
    }
    packable = [
        (product.op if product.op in packed_ops else "", product.operator, product.weight)
        for product, *_ in found
        if id(product.weight) in few_bits
    ]
    if not pack_weights(model, packable) and not rescaled and not any(widened):
        return file
    drop_unread(model)
    return serialized(model)


class _Product(NamedTuple):
    """What one operator multiplies, and adds."""

    op: str
    operator: Any
    data: Any
    weight: Any
    bias: Any | None


class _Found(NamedTuple):
    """A product's layer (None: of no layer), its weights' codes there, and its bias in real numbers."""

    product: _Product
    layer: str | None
    codes: NDArray[np.int8]
    bias: NDArray[np.float64] | None


def _products(model: Any, graph: Any) -> Iterator[_Product]:
    """The operators with constant int8 weights."""
    for operator in graph.operators or ():
        code = model.operatorCodes[operator.opcodeIndex]
        op = _OP_NAMES.get(max(code.builtinCode, code.deprecatedBuiltinCode), "")
        spec = OPS.get(op)
        if spec is None or spec.weight_input is None:
            continue
        operands = [graph.tensors[index] if index >= 0 else None for index in operator.inputs]
        places = next(iter(spec.bias_products), None)
        weight = operands[spec.weight_input]
        if weight is None or weight.type != schema.TensorType.INT8 or not _is_constant(model, weight) or not places:
            continue
        bias = operands[places[0]] if places[0] < len(operands) else None
        bias = bias if bias is not None and _is_constant(model, bias) else None
        yield _Product(op, operator, operands[places[1]], weight, bias)


def _is_constant(model: Any, tensor: Any) -> bool:
    data = model.buffers[tensor.buffer].data
    return data is not None and len(data) > 0


def _found(model: Any, product: _Product, trained: TrainedTensors) -> _Found:
    """The layer that a product belongs to; of layers with equal weights, the one whose bias is nearest."""
    weight, bias = product.weight, product.bias
    real = None if bias is None else _bias_codes(model, bias) * np.asarray(bias.quantization.scale, np.float64)
    matches = _matches(model, weight, trained)
    if not matches:
        return _Found(product, None, _stored_codes(model, weight), real)
    layer, codes = min(matches, key=lambda match: _distance(trained.biases.get(match[0]), real))
    if real is not None and layer in trained.biases:
        real = np.asarray(trained.biases[layer], np.float64)
    return _Found(product, layer, codes, real)


def _put_weights(model: Any, found: _Found, trained: TrainedTensors) -> bool:
    """Writes the scales and codes of training; whether they are others than in the file."""
    weight = found.product.weight
    if found.layer is None:
        return False
    scale = np.asarray(trained.weights[found.layer].scale, np.float32)
    if np.array_equal(scale, weight.quantization.scale):
        return False
    model.buffers[weight.buffer].data = found.codes.reshape(-1).view(np.uint8)
    weight.quantization.scale = scale
    weight.quantization.min = weight.quantization.max = None
    return True


def _put_bias(model: Any, found: _Found, *, is_rescaled: bool) -> bool:
    """Writes a bias at input scale × weight scale, where that or its type is another; whether it was.

    It gets a buffer of its own: others may read the one that it had.
    """
    data, weight, bias = found.product.data, found.product.weight, found.product.bias
    if bias is None or found.bias is None:
        return False
    wide = data.type == schema.TensorType.INT16
    if not is_rescaled and not (wide and bias.type == schema.TensorType.INT32):
        return False
    input_scale = np.float64(data.quantization.scale[0])
    scale = (input_scale * np.asarray(weight.quantization.scale, np.float64)).astype(np.float32)
    limits = np.iinfo(np.int64 if wide else np.int32)
    codes = np.clip(np.rint(found.bias / scale.astype(np.float64)), limits.min, limits.max).astype(limits.dtype)
    buffer = schema.BufferT()
    buffer.data = codes.view(np.uint8)
    model.buffers.append(buffer)
    bias.type = schema.TensorType.INT64 if wide else schema.TensorType.INT32
    bias.buffer = len(model.buffers) - 1
    bias.quantization.scale = scale
    bias.quantization.zeroPoint = np.zeros(scale.shape, np.int64)
    return True


def _stored_codes(model: Any, weight: Any) -> NDArray[np.int8]:
    return np.asarray(model.buffers[weight.buffer].data, np.uint8).view(np.int8).reshape(weight.shape)


def _matches(model: Any, weight: Any, trained: TrainedTensors) -> list[tuple[str, NDArray[np.int8]]]:
    """The layers whose codes are those of a weight tensor's real values under their scales, with these codes."""
    quantization = weight.quantization
    codes = _stored_codes(model, weight)
    along = [1] * codes.ndim
    along[quantization.quantizedDimension or 0] = -1
    real = codes * np.asarray(quantization.scale, np.float64).reshape(along if len(quantization.scale) > 1 else [1])
    found = []
    for layer, tensor in trained.weights.items():
        if len(tensor.scale) == len(quantization.scale):
            trained_codes = _codes(real, tensor, along)
            if sha256(trained_codes.tobytes()) == tensor.sha256:
                found.append((layer, trained_codes))
    return found


def _distance(trained: tuple[float, ...] | None, real: NDArray[np.float64] | None) -> float:
    """How far a layer's bias is from the one in the file, which is 0 where there is none."""
    mine, theirs = np.zeros(1) if trained is None else np.asarray(trained), np.zeros(1) if real is None else real
    if mine.size != theirs.size and 1 not in (mine.size, theirs.size):
        return np.inf
    return float(np.abs(mine - theirs).max())


def _codes(real: NDArray[np.float64], tensor: TrainedTensor, along: list[int]) -> NDArray[np.int8]:
    scale = np.asarray(tensor.scale, np.float64).reshape(along if len(tensor.scale) > 1 else [1])
    return np.clip(np.rint(real / scale), -128, 127).astype(np.int8)


def _bias_codes(model: Any, bias: Any) -> NDArray[np.float64]:
    dtype = np.int64 if bias.type == schema.TensorType.INT64 else np.int32
    return np.asarray(model.buffers[bias.buffer].data, np.uint8).view(dtype).astype(np.float64)
