"""SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND: blocks of pixels into the batch and back, in every kernel set."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.call import Call
from qat_kit.kernels.movement import integers, moved


def space_to_batch_nd(call: Call) -> tuple[NDArray[Any], ...]:
    """Each place within a block becomes an image of its own: [b, h, w, c] → [rows·columns·b, h / rows, w / columns, c].

    block: input 1, one length an axis behind the batch, one or two of them. The input is padded first, by input 2,
    with the zero point. The images of one place in the block stand together.

    Raises NotSimulatedError for tflite-micro and any padding: its kernel never sets the code that it pads with.

    Source: tflite/kernels/space_to_batch_nd.cc, SpaceToBatchND in internal/reference/reference_ops.h.
    """
    x, block = call.input(0).values, integers(call.input(1))
    paddings = call.input(2).values.astype(np.int64).tolist()
    if call.kernel_set == "tflite_micro" and np.any(paddings):
        raise call.refuse("paddings, which it fills with what memory holds,")
    padded = np.pad(x, [(0, 0), *paddings, *[(0, 0)] * (x.ndim - 1 - len(block))], constant_values=call.output.zero)
    count = len(block)
    cut: list[int] = [padded.shape[0]]
    for size, length in zip(block, padded.shape[1 : 1 + count], strict=True):
        cut += [length // size, size]
    blocks = padded.reshape(*cut, *padded.shape[1 + count :])
    places = [2 + 2 * axis for axis in range(count)]
    kept = [axis for axis in range(blocks.ndim) if axis not in places]
    return moved(call, blocks.transpose(*places, *kept))


def batch_to_space_nd(call: Call) -> tuple[NDArray[Any], ...]:
    """The inverse of SPACE_TO_BATCH_ND: images put together into blocks, then cropped by input 2.

    Source: tflite/kernels/batch_to_space_nd.cc, BatchToSpaceND in internal/reference/reference_ops.h.
    """
    x, block = call.input(0).values, integers(call.input(1))
    crops = call.input(2).values.astype(np.int64).tolist()
    count = len(block)
    parts = x.reshape(*block, x.shape[0] // int(np.prod(block)), *x.shape[1:])
    order = [count]
    for axis in range(count):
        order += [count + 1 + axis, axis]
    spread = parts.transpose(*order, *range(2 * count + 1, parts.ndim))
    lengths = [size * length for size, length in zip(block, x.shape[1:], strict=False)]
    whole = spread.reshape(spread.shape[0], *lengths, *x.shape[1 + count :])
    kept = [slice(before, length - after) for (before, after), length in zip(crops, lengths, strict=True)]
    return moved(call, whole[(slice(None), *kept)])
