"""Factors of a matrix: hand-made matrices, and the promise to be no worse than the quantized SVD."""

from __future__ import annotations

import numpy as np
import pytest

from qat_kit.compress import factorize_quantized, svd_factors
from qat_kit.errors import NumericsError


def rounded_by_hand(factor: np.ndarray, num_bits: int) -> np.ndarray:
    """One scale a column, symmetric, the lowest code left out."""
    largest = 2 ** (num_bits - 1) - 1
    scale = np.abs(factor).max(axis=0) / largest
    return np.rint(factor / scale) * scale


def svd_by_hand(matrix: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    root = np.sqrt(values[:rank])
    return left[:, :rank] * root, root[:, None] * right[:rank]


def matrix_of(inputs: int, outputs: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(inputs, outputs))


def test_svd_factors_are_balanced_and_the_nearest_of_their_rank() -> None:
    matrix = matrix_of(12, 9, 0)
    first, second = svd_factors(matrix, rank=4)
    values = np.linalg.svd(matrix, compute_uv=False)
    np.testing.assert_allclose(np.linalg.norm(matrix - first @ second), np.sqrt(np.sum(values[4:] ** 2)), rtol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(first, axis=0), np.linalg.norm(second, axis=1), rtol=1e-12)


def test_a_matrix_of_lower_rank_leaves_the_rest_of_the_factors_zero() -> None:
    matrix = np.outer([1.0, 2.0, 3.0, 4.0], [1.0, -1.0, 2.0])
    first, second = svd_factors(matrix, rank=3)
    np.testing.assert_allclose(first @ second, matrix, atol=1e-12)
    assert not first[:, 1:].any()
    assert not second[1:].any()


def test_factors_of_a_zero_matrix_are_zero() -> None:
    found = factorize_quantized(np.zeros((4, 3)), rank=2)
    assert (found.error, found.svd_error) == (0.0, 0.0)
    assert not found.first.any()


def test_an_input_that_has_no_power_does_not_take_a_rank() -> None:
    matrix = np.vstack([100 * matrix_of(1, 6, 1), np.outer([1.0, 2.0, 3.0], np.arange(6.0))])
    first, second = svd_factors(matrix, rank=1, input_power=[0.0, 1.0, 1.0, 1.0])
    np.testing.assert_allclose((first @ second)[1:], matrix[1:], atol=1e-12)
    assert np.abs(svd_factors(matrix, rank=1)[0] @ svd_factors(matrix, rank=1)[1] - matrix)[1:].max() > 1


@pytest.mark.parametrize("num_bits", [4, 8])
@pytest.mark.parametrize(("inputs", "outputs", "rank"), [(40, 24, 6), (24, 40, 12), (16, 16, 16), (30, 5, 1)])
@pytest.mark.parametrize("seed", range(5))
def test_never_worse_than_the_quantized_svd(inputs: int, outputs: int, rank: int, num_bits: int, seed: int) -> None:
    # Rows of very different size, as dense kernels have.
    matrix = matrix_of(inputs, outputs, seed) * np.geomspace(0.1, 10, inputs)[:, None]
    found = factorize_quantized(matrix, rank=rank, num_bits=num_bits)
    first, second = (rounded_by_hand(factor, num_bits) for factor in svd_by_hand(matrix, rank))
    plain = np.linalg.norm(matrix - first @ second)
    np.testing.assert_allclose(found.svd_error, plain, rtol=1e-5)
    np.testing.assert_allclose(found.error, np.linalg.norm(matrix - found.first @ found.second), rtol=1e-12)
    assert found.error <= found.svd_error
    for factor in (found.first, found.second):
        np.testing.assert_allclose(rounded_by_hand(factor, num_bits), factor, rtol=1e-6, atol=1e-12)


def test_at_full_rank_and_4_bits_much_of_the_rounding_is_made_good() -> None:
    """Where nothing is lost to the rank, all of the error is rounding's."""
    gains = []
    for seed in range(10):
        found = factorize_quantized(matrix_of(32, 16, seed), rank=16, num_bits=4)
        gains.append(found.error / found.svd_error)
    assert np.mean(gains) < 0.9, gains


@pytest.mark.parametrize("num_bits", [4, 8])
def test_never_worse_where_inputs_have_powers(num_bits: int) -> None:
    matrix, power = matrix_of(30, 20, 3), np.geomspace(1e-3, 1e3, 30)
    found = factorize_quantized(matrix, rank=8, num_bits=num_bits, input_power=power)
    weighted = np.sqrt(np.sum(power[:, None] * (matrix - found.first @ found.second) ** 2))
    np.testing.assert_allclose(found.error, weighted, rtol=1e-12)
    assert found.error < found.svd_error
    blind = factorize_quantized(matrix, rank=8, num_bits=num_bits)
    assert weighted < np.sqrt(np.sum(power[:, None] * (matrix - blind.first @ blind.second) ** 2))


@pytest.mark.parametrize("rank", [0, -1, 4])
def test_a_rank_that_the_matrix_does_not_have(rank: int) -> None:
    with pytest.raises(NumericsError, match=rf"matrix \[5, 3\] is 1 to 3, received {rank}"):
        factorize_quantized(np.ones((5, 3)), rank=rank)


@pytest.mark.parametrize("weights", [np.ones(3), np.ones((0, 3)), [[np.nan, 1.0]]])
def test_what_is_no_matrix(weights: object) -> None:
    with pytest.raises(NumericsError, match="a matrix of finite numbers is needed"):
        svd_factors(weights, rank=1)  # type: ignore[arg-type]  # the mistake meant


@pytest.mark.parametrize("power", [[1.0], [1.0, -1.0], [1.0, np.inf]])
def test_powers_that_fit_no_input(power: list[float]) -> None:
    with pytest.raises(NumericsError, match="one number for each of 2 inputs"):
        svd_factors(np.ones((2, 2)), rank=1, input_power=power)
