"""The ops that carry codes from place to place, against LiteRT."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.kernels import assert_bit_equal
from tests.support.tflite import Builder


def options(kind, **fields):
    made = getattr(schema, f"{kind}OptionsT")()
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def shape(random, ndim=4, low=1, high=14):
    return [int(length) for length in random.integers(low, high, ndim)]


def ints(*values):
    return np.array(values, np.int32)


def transpose(random):
    x = shape(random, int(random.integers(1, 6)), high=9)
    order = random.permutation(len(x))
    return [x, ints(*order)], [[x[axis] for axis in order]], None


def slice_(random):
    x = shape(random, high=20)
    begin = random.integers(0, np.array(x) // 2 + 1)
    size = random.integers(1, np.array(x) - begin + 1)
    asked = np.where((random.random(4) < 0.3), -1, size)
    return [x, ints(*begin), ints(*asked)], [np.where(asked == -1, np.array(x) - begin, size)], None


def strided_slice(random):
    x = shape(random, low=3, high=18)
    begin, end, stride, cut = [], [], [], []
    masks = {"beginMask": 0, "endMask": 0, "shrinkAxisMask": 0}
    for axis, length in enumerate(x):
        low, high = int(random.integers(-length - 2, length + 2)), int(random.integers(-length - 2, length + 2))
        step = int(random.choice([-2, -1, 1, 1, 2, 3]))
        # One axis is kept whole, so that the output is no scalar; where nothing would be left, another is.
        shrinks = axis > 0 and random.random() < 0.2
        open_low, open_high = random.random(2) < 0.3
        if shrinks:
            low, step = int(random.integers(-length, length)), 1
        elif axis == 0 or not len(range(length)[None if open_low else low : None if open_high else high : step]):
            open_low = open_high = True
        begin.append(low)
        end.append(high)
        stride.append(step)
        cut.append(low if shrinks else slice(None if open_low else low, None if open_high else high, step))
        for name, is_set in zip(masks, (open_low and not shrinks, open_high and not shrinks, shrinks), strict=True):
            masks[name] |= int(is_set) << axis
    made = options("StridedSlice", **masks)
    return [x, ints(*begin), ints(*end), ints(*stride)], [np.empty(x, np.int8)[tuple(cut)].shape], made


def strided_slice_new_axis(random):
    x = shape(random, 3, low=2)
    spec = [(0, 1, 1), (0, x[0], 1), (0, 0, 1), (0, x[2] - 1, 1)]
    begin, end, stride = (ints(*column) for column in zip(*spec, strict=True))
    made = options("StridedSlice", newAxisMask=1, ellipsisMask=4)
    return [x, begin, end, stride], [[1, x[0], x[1], x[2] - 1]], made


def strided_slice_offset(random):
    x = shape(random, 2, low=4, high=100)
    begin, size = random.integers(0, 3, 2), random.integers(1, np.array(x) - 2)
    return [x, ints(*begin), ints(*size), ints(1, 1)], [size], options("StridedSlice", offset=True)


def gather(random):
    x = shape(random, low=2, high=9)
    batch_dims = int(random.integers(0, 2))
    axis = int(random.integers(batch_dims, 4))
    tail = shape(random, int(random.integers(1 - batch_dims, 3)), high=5)
    indices = random.integers(0, x[axis], [*x[:batch_dims], *tail], dtype=np.int32)
    made = options("Gather", axis=axis, batchDims=batch_dims)
    return [x, indices], [[*x[:axis], *tail, *x[axis + 1 :]]], made


def split(random):
    x, axis, parts = shape(random), int(random.integers(0, 4)), int(random.integers(1, 5))
    part = list(x)
    x[axis] *= parts
    return [ints(axis - 4 * int(random.integers(0, 2))), x], [part] * parts, options("Split", numSplits=parts)


def split_v(random):
    x, axis, sizes = shape(random), int(random.integers(0, 4)), random.integers(1, 6, int(random.integers(2, 5)))
    x[axis] = int(sizes.sum())
    parts = [[*x[:axis], int(size), *x[axis + 1 :]] for size in sizes]
    if random.random() < 0.5:
        sizes[random.integers(len(sizes))] = -1
    return [x, ints(*sizes), np.array(axis, np.int32)], parts, options("SplitV", numSplits=len(parts))


def squeeze(random):
    x = shape(random)
    x[1] = 1
    return [x], [[x[0], *x[2:]]], options("Squeeze", squeezeDims=[1])


def expand_dims(random):
    x, axis = shape(random), int(random.integers(0, 5))
    return [x, ints(axis)], [[*x[:axis], 1, *x[axis:]]], None


def pack(random):
    x, axis, count = shape(random, 3), int(random.integers(0, 4)), int(random.integers(1, 5))
    made = options("Pack", valuesCount=count, axis=axis - 4 * int(random.integers(0, 2)))
    return [x] * count, [[*x[:axis], count, *x[axis:]]], made


def unpack(random):
    x, axis = shape(random), int(random.integers(0, 4))
    made = options("Unpack", num=x[axis], axis=axis - 4 * int(random.integers(0, 2)))
    return [x], [[*x[:axis], *x[axis + 1 :]]] * x[axis], made


def space_to_depth(random):
    (batch, rows, columns, channels), size = shape(random, high=7), int(random.integers(2, 4))
    made = options("SpaceToDepth", blockSize=size)
    return [[batch, rows * size, columns * size, channels]], [[batch, rows, columns, channels * size**2]], made


def depth_to_space(random):
    (batch, rows, columns, channels), size = shape(random, high=7), int(random.integers(2, 4))
    made = options("DepthToSpace", blockSize=size)
    return [[batch, rows, columns, channels * size**2]], [[batch, rows * size, columns * size, channels]], made


def resize_nearest_neighbor(random):
    x, (rows, columns) = shape(random, high=12), shape(random, 2, high=24)
    made = options(
        "ResizeNearestNeighbor", alignCorners=bool(random.random() < 0.5), halfPixelCenters=bool(random.random() < 0.5)
    )
    return [x, ints(rows, columns)], [[x[0], rows, columns, x[3]]], made


def of_two(random):
    x = shape(random, int(random.integers(1, 6)), high=9)
    other = [1 if random.random() < 0.3 else length for length in x][int(random.integers(0, len(x))) :]
    both = [x, other] if random.random() < 0.5 else [other, x]
    return both, [x], options("MaximumMinimum")


def reduction(random):
    x = shape(random, high=20)
    axes = random.integers(-4, 4, int(random.integers(1, 4)))
    kept = {int(axis) % 4 for axis in axes}
    keep_dims = bool(random.random() < 0.5)
    result = [1 if axis in kept else length for axis, length in enumerate(x) if keep_dims or axis not in kept]
    return [x, ints(*axes)], [result], options("Reducer", keepDims=keep_dims)


def tile(random):
    x = shape(random, int(random.integers(1, 5)), high=9)
    times = random.integers(1, 4, len(x))
    return [x, ints(*times)], [[int(length) for length in x * times]], None


def broadcast_to(random):
    whole = shape(random, int(random.integers(1, 6)), high=9)
    x = [1 if random.random() < 0.4 else length for length in whole][int(random.integers(0, len(whole))) :]
    return [x, ints(*whole)], [whole], None


def mirror_pad(random):
    x, is_symmetric = shape(random, int(random.integers(1, 5)), low=2, high=9), bool(random.random() < 0.5)
    paddings = random.integers(0, np.array(x)[:, None] + is_symmetric, (len(x), 2))
    made = options("MirrorPad", mode=int(is_symmetric))
    return [x, paddings.astype(np.int32)], [[int(length) for length in x + paddings.sum(axis=1)]], made


def blocks(random):
    """Block, an image cut into it with what is left over, and the lengths with and without that."""
    count = int(random.integers(1, 3))
    block, whole = random.integers(1, 4, count), random.integers(1, 6, count)
    margins = np.array([random.multinomial(int(random.integers(0, 4)), [0.5, 0.5]) for _ in range(count)])
    inner = block * whole - margins.sum(axis=1)
    batch, channels = (int(length) for length in random.integers(1, 8, 2))
    if (inner < 1).any():
        return blocks(random)
    small, large = [batch, *inner, channels], [batch * int(block.prod()), *whole, channels]
    return ints(*block), margins.astype(np.int32), [int(n) for n in small], [int(n) for n in large]


def space_to_batch_nd(random):
    block, margins, image, batched = blocks(random)
    return [image, block, margins], [batched], None


def batch_to_space_nd(random):
    block, margins, image, batched = blocks(random)
    return [batched, block, margins], [image], None


def embedding_lookup(random):
    table = shape(random, int(random.integers(2, 4)), high=40)
    indices = random.integers(0, table[0], int(random.integers(1, 60)), dtype=np.int32)
    return [indices, table], [[len(indices), *table[1:]]], None


def reverse(random):
    x = shape(random)
    first, count = int(random.integers(0, 4)), int(random.integers(1, 5))
    return [x, ints(*range(first, min(first + count, 4)))], [x], None


def gather_nd(random):
    x, depth = shape(random, high=9), int(random.integers(1, 5))
    places = random.integers(0, x[:depth], [*shape(random, 2, high=20), depth], dtype=np.int32)
    return [x, places], [[*places.shape[:-1], *x[depth:]]], None


def select(random):
    x = shape(random)
    by_row = bool(random.random() < 0.5)
    return [random.random(x[0] if by_row else x) < 0.5, x, x], [x], None


def select_v2(random):
    whole = shape(random, high=9)
    masks = random.random((3, 4)) < 0.3
    parts = [[1 if cut else length for length, cut in zip(whole, mask, strict=True)] for mask in masks]
    return [random.random(parts[0]) < 0.5, *parts[1:]], [np.broadcast_shapes(*parts)], None


# How a call is drawn: operands (a shape, or a constant's values), the outputs' shapes, options; how many outputs are
# compared; the versions of the op that int8 and int16 need, None where LiteRT has no kernel.
OPS = [
    ("TRANSPOSE", transpose, 100_000, (2, 4)),
    ("SLICE", slice_, 100_000, (2, 3)),
    ("STRIDED_SLICE", strided_slice, 100_000, (2, 4)),
    ("STRIDED_SLICE", strided_slice_new_axis, 20_000, (4, 4)),
    ("STRIDED_SLICE", strided_slice_offset, 20_000, (4, 4)),
    ("GATHER", gather, 100_000, (5, 5)),
    ("SPLIT", split, 100_000, (2, 4)),
    ("SPLIT_V", split_v, 100_000, (2, 2)),
    ("SQUEEZE", squeeze, 100_000, (1, 1)),
    ("EXPAND_DIMS", expand_dims, 100_000, (1, 1)),
    ("PACK", pack, 100_000, (2, 3)),
    ("UNPACK", unpack, 100_000, (2, 4)),
    ("SPACE_TO_DEPTH", space_to_depth, 100_000, (2, None)),
    ("DEPTH_TO_SPACE", depth_to_space, 100_000, (1, None)),
    ("RESIZE_NEAREST_NEIGHBOR", resize_nearest_neighbor, 100_000, (3, 4)),
    ("MAXIMUM", of_two, 100_000, (2, 4)),
    ("MINIMUM", of_two, 100_000, (2, 4)),
    ("REDUCE_MAX", reduction, 100_000, (2, 3)),
    ("REDUCE_MIN", reduction, 100_000, (2, 3)),
    ("TILE", tile, 100_000, (1, 1)),
    ("BROADCAST_TO", broadcast_to, 100_000, (3, 3)),
    ("MIRROR_PAD", mirror_pad, 100_000, (2, 3)),
    ("SPACE_TO_BATCH_ND", space_to_batch_nd, 100_000, (3, 4)),
    ("BATCH_TO_SPACE_ND", batch_to_space_nd, 100_000, (3, 4)),
    ("EMBEDDING_LOOKUP", embedding_lookup, 100_000, (2, None)),
    ("REVERSE_V2", reverse, 100_000, (3, 3)),
    ("GATHER_ND", gather_nd, 100_000, (3, 4)),
    ("SELECT", select, 100_000, (4, 4)),
    ("SELECT_V2", select_v2, 100_000, (2, 2)),
]


CASES = [
    pytest.param(op, draw, num_elements, kind, version, id=f"{op}-{draw.__name__}-{kind}")
    for op, draw, num_elements, versions in OPS
    for kind, version in zip(("INT8", "INT16"), versions, strict=True)
    if version is not None
]


def one_op(random, op, draw, kind, version):
    operands, shapes, made = draw(random)
    quantized = {"scale": [float(random.uniform(0.01, 1))], "zero_point": [int(random.integers(-128, 128))]}
    quantized = quantized if kind == "INT8" else {**quantized, "zero_point": [0]}
    graph = Builder()
    inputs = [
        graph.tensor(f"x{i}", value.shape, value.dtype.name.upper(), data=value)
        if isinstance(value, np.ndarray)
        else graph.tensor(f"x{i}", value, kind, **quantized)
        for i, value in enumerate(operands)
    ]
    outputs = [graph.tensor(f"y{i}", part, kind, **quantized) for i, part in enumerate(shapes)]
    graph.op(op, inputs, outputs, options=made, version=version)
    fed = [index for index, value in zip(inputs, operands, strict=True) if not isinstance(value, np.ndarray)]
    return graph.bytes(fed, outputs), f"{operands} to {shapes} with {vars(made) if made else {}}"


@pytest.mark.parametrize("kernel_set", ["reference", "builtin", "xnnpack"])
@pytest.mark.parametrize(("op", "draw", "num_elements", "kind", "version"), CASES)
def test_codes_arrive_where_litert_puts_them(op, draw, num_elements, kind, version, kernel_set):
    assert_bit_equal(lambda random: one_op(random, op, draw, kind, version), kernel_set, num_elements=num_elements)
