"""A prepared model made smaller: each way takes a PreparedModel and gives a PreparedModel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qat_kit.lazy import names_of

if TYPE_CHECKING:
    from qat_kit.compress.factorization import QuantizedFactors, factorize_quantized, svd_factors

# Imported on first use: the arithmetic needs no TensorFlow.
_HOMES = {
    "QuantizedFactors": "factorization",
    "factorize_quantized": "factorization",
    "svd_factors": "factorization",
}

__all__ = [
    "QuantizedFactors",
    "factorize_quantized",
    "svd_factors",
]
__getattr__ = names_of(__name__, _HOMES)
