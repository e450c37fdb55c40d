"""A prepared model made smaller: each way takes a PreparedModel and gives a PreparedModel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qat_kit.lazy import names_of

if TYPE_CHECKING:
    from qat_kit.compress.factorization import QuantizedFactors, factorize_quantized, svd_factors
    from qat_kit.compress.low_rank import FactorizedLayer, LowRankModel, factorize_layers

# Imported on first use: the arithmetic needs no TensorFlow.
_HOMES = {
    "FactorizedLayer": "low_rank",
    "LowRankModel": "low_rank",
    "QuantizedFactors": "factorization",
    "factorize_layers": "low_rank",
    "factorize_quantized": "factorization",
    "svd_factors": "factorization",
}

__all__ = [
    "FactorizedLayer",
    "LowRankModel",
    "QuantizedFactors",
    "factorize_layers",
    "factorize_quantized",
    "svd_factors",
]
__getattr__ = names_of(__name__, _HOMES)
