"""What a file is to be run on, and what its answers are held against: `RunRequest`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from qat_kit.litert.child import Limits
from qat_kit.manifest import GoldenVectors
from qat_kit.vocabulary import Scores

# A few seconds of simulation (60 to 230 million products a second on one core).
MAX_SIMULATED_MACS = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """All that is known of a file besides itself; what is missing makes the checks that need it not applicable.

    golden: inputs and answers of its manifest. samples: input name → real numbers, [samples, …]. labels: as
    `classification_quality` takes them. scores: what the output holds. trained: output name → what the trained model
    answers to `samples`, real numbers. baseline: (its name, its answers to `samples`) of a model that the file must not
    fall behind by more than `max_drop_points` of accuracy. num_random: inputs to draw from `seed` where there are no
    golden ones. max_simulated_macs: products that the kernel simulator may compute. limits: of each child process.
    """

    golden: GoldenVectors | None = None
    samples: Mapping[str, NDArray[Any]] | None = None
    labels: NDArray[Any] | None = None
    scores: Scores = "logits"
    trained: Mapping[str, NDArray[Any]] | None = None
    baseline: tuple[str, NDArray[Any]] | None = None
    max_drop_points: float = 1.0
    num_random: int = 8
    seed: int = 0
    max_simulated_macs: int = MAX_SIMULATED_MACS
    limits: Limits = field(default_factory=Limits)
