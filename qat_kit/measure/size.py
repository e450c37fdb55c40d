"""Where the bytes of a `.tflite` file are: `size_ledger`."""

from __future__ import annotations

import numpy as np

from qat_kit.files import gzip_size
from qat_kit.litert.records import ModelFile, Tensor
from qat_kit.results import SizeLedger, TensorSize

# Biases and shapes; not what pruning, codebooks and few bits are about.
_NO_WEIGHTS = frozenset({"INT32", "INT64", "UINT32", "BOOL", "STRING"})
_PRUNED, _FEW_VALUES, _SMALL = 0.3, 32, 256


def size_ledger(model: ModelFile, data: bytes) -> SizeLedger:
    """Raw and compressed size of a file and of each of its constant tensors; a buffer that several share counts once.

    data: the file's own bytes.
    """
    constants = [tensor for graph in model.subgraphs for tensor in graph.tensors if tensor.is_constant]
    tensors = {tensor.buffer: tensor for tensor in reversed(constants)}
    sizes = tuple(sorted((_size(tensor) for tensor in tensors.values()), key=lambda size: -size.stored_bytes))
    weights = [size for size in sizes if size.type not in _NO_WEIGHTS]
    num_weights = sum(size.num_elements for size in weights)
    per_weight = 8 / max(1, num_weights)
    return SizeLedger(
        size_bytes=len(data),
        gzip_bytes=gzip_size(data),
        overhead_bytes=len(data) - sum(size.stored_bytes for size in sizes),
        num_weights=num_weights,
        bits_per_weight=per_weight * sum(size.stored_bytes for size in weights),
        effective_bits_per_weight=per_weight * sum(size.gzip_bytes for size in weights),
        tensors=sizes,
        notes=tuple(_notes(weights)),
    )


def _size(tensor: Tensor) -> TensorSize:
    stored, values = tensor.stored_bytes, tensor.data
    elements = np.zeros(0) if values is None else values.reshape(-1)
    compressed = gzip_size(stored)
    return TensorSize(
        name=tensor.name,
        type=tensor.type,
        num_elements=elements.size,
        stored_bytes=len(stored),
        gzip_bytes=compressed,
        zeros=float(np.mean(elements == 0)) if elements.size else 0.0,
        num_distinct=len(np.unique(elements)),
        effective_bits=8 * compressed / max(1, elements.size),
    )


def _notes(weights: list[TensorSize]) -> list[str]:
    """What zeros and repeated values save, in words: on disk nothing, unless the file is compressed."""
    large = [size for size in weights if size.num_elements >= _SMALL]
    pruned = [size for size in large if size.zeros >= _PRUNED]
    few = [size for size in large if size not in pruned and size.type == "INT8" and size.num_distinct <= _FEW_VALUES]
    notes = []
    for chosen, what in ((pruned, f"{_PRUNED:.0%} zeros or more"), (few, f"{_FEW_VALUES} values or fewer")):
        if chosen:
            stored, compressed = (
                sum(getattr(size, name) for size in chosen) for name in ("stored_bytes", "gzip_bytes")
            )
            notes.append(
                f"{len(chosen)} tensors of weights have {what}: the file is no smaller for it ({stored:,} bytes), a "
                f"compressed download is ({compressed:,} bytes)"
            )
    return notes
