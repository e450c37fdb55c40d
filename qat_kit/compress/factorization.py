"""A matrix as the product of two thinner ones, in real numbers and on their integer grids: NumPy only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qat_kit.errors import NumericsError
from qat_kit.numerics import TensorSpec, choose_qparams, fake_quantize

Matrix = NDArray[np.float64]
Pair = tuple[Matrix, Matrix]


@dataclass(frozen=True, kw_only=True, eq=False)
class QuantizedFactors:
    """Two factors on their grids, as real numbers: quantizing them again with the same bits changes nothing.

    first: [inputs, rank]. second: [rank, outputs]. error: `‖W − first · second‖`, weighted as was asked. svd_error: of
    what the SVD gives when it is merely quantized; never less than `error`.
    """

    first: Matrix
    second: Matrix
    error: float
    svd_error: float


def svd_factors(weights: ArrayLike, *, rank: int, input_power: ArrayLike | None = None) -> Pair:
    """The two factors of a rank whose product is nearest to a matrix, their columns and rows balanced.

        W ≈ A · B,  A = W V Σ^(−½),  B = Σ^½ Vᵀ,  of the `rank` largest singular values

    weights: W, [inputs, outputs]. Returns A [inputs, rank] and B [rank, outputs]: column k of A is as long as row k of
    B, so that neither needs a wider range than the other. input_power: E[x²] of each input, [inputs]; the distance is
    then that of the layer's outputs for uncorrelated inputs, `Σ E[x²]ᵢ ‖Wᵢ − (AB)ᵢ‖²`.

    Raises NumericsError: no finite matrix, a rank below 1 or above it, powers of another shape or negative.

    Source: Eckart and Young 1936, "The approximation of one matrix by another of lower rank".

    >>> first, second = svd_factors([[2.0, 4.0], [1.0, 2.0], [3.0, 6.0]], rank=1)
    >>> (first @ second).round(6).tolist()
    [[2.0, 4.0], [1.0, 2.0], [3.0, 6.0]]
    """
    matrix, root_power = _checked(weights, rank, input_power)
    _, values, rows = np.linalg.svd(root_power * matrix, full_matrices=False)
    values, rows = values[:rank], rows[:rank]
    # What the matrix does not have, a factor need not have either.
    is_there = values > values[0] * np.finfo(np.float64).eps * max(matrix.shape)
    root = np.sqrt(values)
    inverse = np.divide(1.0, root, out=np.zeros_like(root), where=is_there)
    return matrix @ rows.T * inverse, (root * is_there)[:, None] * rows


def factorize_quantized(
    weights: ArrayLike, *, rank: int, num_bits: int = 8, input_power: ArrayLike | None = None, max_rounds: int = 20
) -> QuantizedFactors:
    """Two factors on their integer grids whose product is near a matrix: each makes good what rounding the other took.

        minimise ‖W − Q(A) Q(B)‖:  B ← Q(argmin_B ‖W − Q(A) B‖),  A ← Q(argmin_A ‖W − A Q(B)‖),  and again

    Begins with the quantized factors of `svd_factors` and keeps the best pair met, so that it is never worse than they
    are; ends when a round brings nothing, or after `max_rounds`. Q: symmetric, narrow range, one scale an output
    channel (a column), as the kernels of two dense layers are quantized. weights, input_power: as of `svd_factors`; the
    weights of rows enter where B is solved for, and not where A is: there, every row stands alone.

    Raises NumericsError as `svd_factors` does, and for fewer than 2 bits or more than 16.

    Alternating least squares, each solution rounded: rounding may undo what a step gained, hence the best pair is kept.

    >>> found = factorize_quantized(np.random.default_rng(0).normal(size=(32, 24)), rank=8, num_bits=4)
    >>> found.first.shape, found.second.shape, found.error < found.svd_error
    ((32, 8), (8, 24), True)
    """
    matrix, root_power = _checked(weights, rank, input_power)
    start = svd_factors(matrix, rank=rank, input_power=input_power)
    first, second = (_on_grid(factor, num_bits) for factor in start)
    best, error = (first, second), _error(matrix, root_power, (first, second))
    svd_error = error
    for _ in range(max_rounds):
        before = error
        for pair in _round(matrix, root_power, first, num_bits):
            first = pair[0]
            found = _error(matrix, root_power, pair)
            if found < error:
                best, error = pair, found
        if error >= before:
            break
    return QuantizedFactors(first=best[0], second=best[1], error=error, svd_error=svd_error)


def _round(matrix: Matrix, root_power: Matrix, first: Matrix, num_bits: int) -> Iterator[Pair]:
    """Solves for the second factor, then for the first; the pair after each."""
    second = _on_grid(np.linalg.lstsq(root_power * first, root_power * matrix, rcond=None)[0], num_bits)
    yield first, second
    yield _on_grid(np.linalg.lstsq(second.T, matrix.T, rcond=None)[0].T, num_bits), second


def _error(matrix: Matrix, root_power: Matrix, pair: Pair) -> float:
    return float(np.linalg.norm(root_power * (matrix - pair[0] @ pair[1])))


def _on_grid(factor: NDArray[np.floating[Any]], num_bits: int) -> Matrix:
    spec = TensorSpec(num_bits=num_bits, symmetric=True, narrow_range=True, granularity="per_axis")
    params = choose_qparams(factor.min(axis=0), factor.max(axis=0), spec, axis=1)
    return fake_quantize(factor, params).astype(np.float64)


def _checked(weights: ArrayLike, rank: int, input_power: ArrayLike | None) -> Pair:
    """The matrix, and the root of each input's power as a column."""
    matrix = np.asarray(weights, np.float64)
    if matrix.ndim != 2 or not matrix.size or not np.isfinite(matrix).all():
        raise NumericsError(f"a matrix of finite numbers is needed, received shape {list(matrix.shape)}")
    if not 1 <= rank <= min(matrix.shape):
        raise NumericsError(
            f"the rank of factors of a matrix {list(matrix.shape)} is 1 to {min(matrix.shape)}, received {rank}"
        )
    power = np.ones(len(matrix)) if input_power is None else np.asarray(input_power, np.float64)
    if power.shape != (len(matrix),) or not (np.isfinite(power) & (power >= 0)).all():
        raise NumericsError(
            f"input_power must be one number for each of {len(matrix)} inputs, 0 or more and finite; received shape "
            f"{list(power.shape)}"
        )
    return matrix, np.sqrt(power)[:, None]
