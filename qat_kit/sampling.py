"""Which of the samples at hand set the ranges of a conversion, and which judge the file: `take_samples`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qat_kit.datasets import Split
from qat_kit.datasets.selection import choose_indices
from qat_kit.datasets.sources import SampleSource
from qat_kit.vocabulary import Selection

if TYPE_CHECKING:
    import tf_keras

_BATCH = 256
# Samples on which a file is judged, as many as in a run.
MOST_JUDGED = 512


@dataclass(frozen=True, kw_only=True)
class Samples:
    """calibration: those at `indices` of the source. judging: others first, with labels where the source has them."""

    calibration: Split
    indices: tuple[int, ...]
    judging: Split


def take_samples(
    source: SampleSource, model: tf_keras.Model, *, count: int, selection: Selection, seed: int = 0
) -> Samples:
    """Reads them. count: of those that calibrate. model: whose layers `selection` coverage looks at.

    Those that judge are at most 512, evenly spread over what did not set the ranges, and where that are fewer, over
    what did. Raises DataError as `choose_indices` does.
    """
    indices = choose_indices(
        source.size,
        count,
        how=selection,
        labels=source.labels,
        features=lambda: layer_extremes(model, source.read(np.arange(source.size))),
        seed=seed,
    )
    calibration = source.read(indices)
    others = _spread(np.setdiff1d(np.arange(source.size), indices), MOST_JUDGED)
    again = _spread(np.arange(len(indices)), MOST_JUDGED - len(others))
    parts = [source.read(others), calibration.take(again)] if len(others) else [calibration.take(again)]
    places = np.concatenate([others, indices[again]])
    return Samples(
        calibration=calibration,
        indices=tuple(int(index) for index in indices),
        judging=Split(
            inputs=tuple(np.concatenate(arrays) for arrays in zip(*(part.inputs for part in parts), strict=True)),
            labels=None if source.labels is None else np.asarray(source.labels)[places],
        ),
    )


def layer_extremes(model: tf_keras.Model, split: Split) -> NDArray[np.float32]:
    """The smallest and the largest value of each layer's output for each sample: [samples, 2 · layers]."""
    import tf_keras

    watched = tf_keras.Model(model.inputs, [layer.output for layer in model.layers])

    def extremes(batch: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        outputs = watched.predict_on_batch(batch[0] if len(batch) == 1 else list(batch))
        outputs = outputs if isinstance(outputs, list) else [outputs]
        flat = [np.asarray(output).reshape(len(batch[0]), -1) for output in outputs]
        return np.stack([end(values, axis=1) for values in flat for end in (np.min, np.max)], axis=1)

    return np.concatenate([extremes(batch) for batch in split.batches(_BATCH)])


def _spread(places: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """At most `count` of the places, evenly spaced."""
    if len(places) <= count:
        return places
    return places[np.unique(np.linspace(0, len(places) - 1, max(0, count)).astype(np.intp))]
