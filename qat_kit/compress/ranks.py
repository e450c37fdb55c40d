"""Which rank each layer gets: a number, a share of the energy, or what a budget of parameters leaves. NumPy only."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qat_kit.errors import SettingsError

# A number for all layers, or layer → number.
Rank = int | Mapping[str, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class Spectrum:
    """What a layer's matrix [num_inputs, num_outputs] loses at each rank.

    lost: [ranks], the share of the sum of squared singular values that is lost at rank 1, 2, …; 0 at the last.
    """

    layer: str
    num_inputs: int
    num_outputs: int
    lost: NDArray[np.float64]

    @classmethod
    def of(cls, layer: str, matrix: NDArray[np.float64]) -> Spectrum:
        """The spectrum of a matrix.

        >>> Spectrum.of("dense", np.diag([4.0, 3.0])).lost.round(6).tolist()
        [0.36, 0.0]
        """
        squares = np.linalg.svd(matrix, compute_uv=False) ** 2
        # Summed from the smallest, so that a billionth is still told from nothing.
        tails = np.append(np.cumsum(squares[::-1])[::-1], 0.0)
        lost = tails[1:] / (tails[0] or 1.0)
        return cls(layer=layer, num_inputs=matrix.shape[0], num_outputs=matrix.shape[1], lost=lost)

    @property
    def full_rank(self) -> int:
        """The smaller of the matrix's sides."""
        return len(self.lost)

    def saves(self, rank: int) -> bool:
        """Whether two factors of a rank have fewer numbers than the matrix."""
        return rank * (self.num_inputs + self.num_outputs) < self.num_inputs * self.num_outputs

    def num_saved(self, rank: int) -> int:
        """By how many numbers the kernel gets smaller; 0 where it is left as it is."""
        return max(0, self.num_inputs * self.num_outputs - rank * (self.num_inputs + self.num_outputs))

    def rounded_up(self, rank: int, multiple: int) -> int:
        """The next multiple, or the full rank where that is less."""
        return min(-(-rank // multiple) * multiple, self.full_rank)

    def rank_that_loses(self, share: float) -> int:
        """The lowest rank that loses at most this share of the energy."""
        return 1 + int(np.argmax(self.lost <= share))


def choose_ranks(
    spectra: Sequence[Spectrum],
    *,
    rank: Rank | None,
    energy: float | None,
    max_parameters: int | None,
    num_parameters: int,
    multiple: int,
) -> dict[str, int]:
    """Layer → rank. Exactly one of `rank`, `energy` and `max_parameters` is given.

    num_parameters: of the whole model, to which `max_parameters` speaks. multiple: ranks are rounded up to it. A budget
    is met by keeping the same share of the energy in each layer, the largest share with which it is.
    Raises SettingsError for what is none of these, naming the layer and the value.
    """
    given = {"rank": rank, "energy": energy, "max_parameters": max_parameters}
    named = [name for name, value in given.items() if value is not None]
    if len(named) != 1:
        raise SettingsError(f"give one of {', '.join(given)}; received {' and '.join(named) or 'none'}")
    if multiple < 1:
        raise SettingsError(f"rank_multiple must be 1 or more, received {multiple}")
    wanted: dict[str, int] = {}
    if rank is not None:
        wanted = _numbers(spectra, rank)
    elif energy is not None:
        if not 0 < energy <= 1:
            raise SettingsError(
                f"energy, the share of squared singular values to keep, is above 0 to 1; received {energy}"
            )
        wanted = {spectrum.layer: spectrum.rank_that_loses(1 - energy) for spectrum in spectra}
    elif max_parameters is not None:
        wanted = _within(spectra, max_parameters, num_parameters, multiple)
    return {spectrum.layer: spectrum.rounded_up(wanted[spectrum.layer], multiple) for spectrum in spectra}


def _numbers(spectra: Sequence[Spectrum], rank: Rank) -> dict[str, int]:
    """The ranks that were given as numbers; one for all layers must be a rank of the largest matrix at least."""
    largest = max((spectrum.full_rank for spectrum in spectra), default=0)
    wanted: dict[str, int] = {}
    for spectrum in spectra:
        number = rank[spectrum.layer] if isinstance(rank, Mapping) else rank
        highest = spectrum.full_rank if isinstance(rank, Mapping) else largest
        if not 1 <= number <= highest:
            raise SettingsError(
                f"layer {spectrum.layer!r}: its matrix is {spectrum.num_inputs} by {spectrum.num_outputs}, so a rank "
                f"is 1 to {spectrum.full_rank}; received {number}"
            )
        wanted[spectrum.layer] = min(number, spectrum.full_rank)
    return wanted


def _within(spectra: Sequence[Spectrum], budget: int, num_parameters: int, multiple: int) -> dict[str, int]:
    """The ranks that lose the least equal share of every layer's energy with which the model keeps to a budget."""

    def ranks(share: float) -> dict[str, int]:
        return {spectrum.layer: spectrum.rank_that_loses(share) for spectrum in spectra}

    def size(share: float) -> int:
        chosen = ranks(share)
        saved = (each.num_saved(each.rounded_up(chosen[each.layer], multiple)) for each in spectra)
        return num_parameters - sum(saved)

    shares = sorted({0.0, *(share for spectrum in spectra for share in spectrum.lost.tolist())})
    place = bisect_left(shares, True, key=lambda share: size(share) <= budget)
    if place == len(shares):
        raise SettingsError(
            f"max_parameters={budget} cannot be kept: with the lowest ranks the model has {size(shares[-1])} "
            f"parameters (now {num_parameters}). Allow more, or let more layers be factorized"
        )
    return ranks(shares[place])
