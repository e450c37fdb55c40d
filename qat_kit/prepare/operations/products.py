"""Matrix products: with a constant a Dense layer, of two tensors a MatMul; einsum is transposes around those."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tf_keras

from qat_kit.layers import MatMul, Reduce
from qat_kit.prepare.operations.lowering import Lowering, Tensor, constant
from qat_kit.prepare.operations.reshaping import transpose_matrices

_layers = tf_keras.layers


def matmul(
    step: Lowering,
    a: Any,
    b: Any,
    transpose_a: Any = False,
    transpose_b: Any = False,
    adjoint_a: Any = False,
    adjoint_b: Any = False,
) -> Tensor:
    """a · b over the last two axes."""
    flip_a, flip_b = bool(transpose_a or adjoint_a), bool(transpose_b or adjoint_b)
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        if step.rank(a) < 3 or step.rank(b) < 3:
            step.refuse(
                "It multiplies the batch with another tensor; give both operands a batch: [batch, rows, columns]."
            )
        if step.rank(a) != step.rank(b):
            step.refuse(f"Its operands have {step.rank(a)} and {step.rank(b)} axes; reshape them to the same number.")
        return step.add(MatMul, a, b, transpose_a=flip_a, transpose_b=flip_b)
    if isinstance(a, Tensor):
        if flip_a:
            a = _flipped(step, a)
        return _dense(step, a, _matrix(step, b, flip_b))
    # W · x = (xᵀ · Wᵀ)ᵀ
    inner = b if flip_b else _flipped(step, b)
    return _flipped(step, _dense(step, inner, _matrix(step, a, not flip_a)))


def dot(step: Lowering, a: Any, b: Any) -> Tensor:
    """As `numpy.dot` with a matrix of constants on the right, or a constant number."""
    if isinstance(a, Tensor) and not isinstance(b, Tensor) and constant(b).ndim == 2:
        return _dense(step, a, constant(b))
    return step.refuse("Expected a tensor and a constant matrix; use `matmul`.")


def _flipped(step: Lowering, x: Tensor) -> Tensor:
    if step.rank(x) < 3:
        step.refuse("It transposes the batch; multiply from the right.")
    return transpose_matrices(step, x)


def _matrix(step: Lowering, value: Any, flip: bool) -> Any:
    matrix = constant(value)
    while matrix.ndim > 2 and matrix.shape[0] == 1:
        matrix = matrix[0]
    if matrix.ndim != 2:
        step.refuse(f"Its constant has shape {list(matrix.shape)}; expected a matrix.")
    return matrix.T if flip else matrix


def _dense(step: Lowering, x: Tensor, matrix: Any) -> Tensor:
    if step.shape(x)[-1] != matrix.shape[0]:
        step.refuse(f"It multiplies {list(step.shape(x))} by {list(matrix.shape)}; the inner sizes differ.")
    return step.add(_layers.Dense, x, units=matrix.shape[1], use_bias=False, weights=[matrix])


def tensordot(step: Lowering, a: Any, b: Any, axes: Any) -> Tensor:
    """The axes of a tensor summed against those of a constant."""
    if not isinstance(a, Tensor) or isinstance(b, Tensor):
        step.refuse("Expected a tensor on the left and a constant on the right; use `matmul`.")
    rank, kernel = step.rank(a), constant(b)
    if isinstance(axes, list | tuple | np.ndarray):
        left, right = ([int(axis) for axis in np.atleast_1d(value)] for value in axes)
    else:
        count = int(axes)
        left, right = list(range(rank - count, rank)), list(range(count))
    left = [step.axis(axis, rank) for axis in left]
    right = [axis % kernel.ndim for axis in right]
    first = _letters(rank)
    second = _letters(kernel.ndim, after=rank)
    for mine, theirs in zip(left, right, strict=True):
        second[theirs] = first[mine]
    result = [letter for letter in (*first, *second) if (letter in first) != (letter in second)]
    return einsum(step, f"{''.join(first)},{''.join(second)}->{''.join(result)}", [a, b])


def _letters(count: int, *, after: int = 0) -> list[str]:
    return [chr(ord("a") + after + index) for index in range(count)]


def einsum(step: Lowering, equation: str, inputs: Sequence[Any]) -> Tensor:
    """Two operands, each letter once in each; the batch is the first letter of the tensors and of the result."""
    if "..." in equation or "->" not in equation or len(inputs) != 2:
        step.refuse(f"Its equation is {equation!r}; expected two operands and a result, without '...'.")
    terms, result = equation.replace(" ", "").split("->")
    first, second = terms.split(",")
    for letters in (first, second, result):
        if len(set(letters)) < len(letters):
            step.refuse(f"Its equation {equation!r} has a letter twice in one operand.")
    a, b = inputs
    if not isinstance(a, Tensor):
        first, second, a, b = second, first, b, a
    if (
        not isinstance(a, Tensor)
        or not result.startswith(first[0])
        or (isinstance(b, Tensor) and first[0] != second[0])
    ):
        step.refuse(f"Its equation {equation!r} does not keep the batch first in the tensors and in the result.")
    if isinstance(b, Tensor):
        return _of_tensors(step, first, second, result, a, b)
    kernel = constant(b)
    if first[0] in second:
        step.refuse(f"Its equation {equation!r} multiplies the batch with a constant.")
    sizes = {**dict(zip(first, step.shape(a), strict=True)), **dict(zip(second, kernel.shape, strict=True))}
    shape = [sizes[letter] for letter in result]
    return step.add(
        _layers.EinsumDense,
        a,
        equation=f"{first},{second}->{result}",
        output_shape=tuple(shape[1:]),
        weights=[kernel],
        shape=shape,
    )


def _of_tensors(step: Lowering, first: str, second: str, result: str, a: Tensor, b: Tensor) -> Tensor:
    """Both brought to [batch …, rows, inner] and [batch …, inner, columns], their product to the result's order."""
    a, first = _without(step, a, first, second + result)
    b, second = _without(step, b, second, first + result)
    sizes = {**dict(zip(first, step.shape(a), strict=True)), **dict(zip(second, step.shape(b), strict=True))}
    batch = [letter for letter in result if letter in first and letter in second]
    rows = [letter for letter in result if letter in first and letter not in second]
    columns = [letter for letter in result if letter in second and letter not in first]
    inner = [letter for letter in first if letter in second and letter not in result]

    def flat(letters: Sequence[str]) -> int:
        known = [sizes[letter] for letter in letters]
        if None in known:
            step.refuse("A size of its tensors is not known; fix the model's input.")
        return math.prod(size for size in known if size is not None)

    def arranged(x: Tensor, letters: str, left: list[str], right: list[str]) -> Tensor:
        x = step.permute(x, *(letters.index(letter) for letter in (*batch, *left, *right)))
        return step.reshape(x, *(sizes[letter] for letter in batch[1:]), flat(left), flat(right))

    product = step.add(MatMul, arranged(a, first, rows, inner), arranged(b, second, columns, inner), transpose_b=True)
    order = [*batch, *rows, *columns]
    product = step.reshape(product, *(sizes[letter] for letter in order[1:]))
    return step.permute(product, *(order.index(letter) for letter in result))


def _without(step: Lowering, x: Tensor, letters: str, needed: str) -> tuple[Tensor, str]:
    """x summed over the axes that nothing else has."""
    lone = [axis for axis, letter in enumerate(letters) if letter not in needed]
    if not lone:
        return x, letters
    kept = "".join(letter for letter in letters if letter in needed)
    return step.add(Reduce, x, function="sum", axes=lone), kept
