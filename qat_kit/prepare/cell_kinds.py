"""Which cell a recurrent layer, or a cell's class, stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.prepare.cells import Cell, GRUCell, LSTMCell, SimpleCell
from qat_kit.prepare.conv_lstm import ConvLSTMCell

_KINDS = {
    **{"SimpleRNN": SimpleCell, "LSTM": LSTMCell, "GRU": GRUCell},
    **dict.fromkeys(("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"), ConvLSTMCell),
}


def read_cell(kind: str, config: Mapping[str, Any], weights: Sequence[NDArray[Any]], shares: str) -> Cell | None:
    """The cell of a layer (`LSTM`) or of a cell class (`LSTMCell`) with these weights; None for any other kind."""
    made = _KINDS.get(kind.removesuffix("Cell"))
    if made is None:
        return None
    kernel, recurrent, *biases = (np.asarray(weight, np.float64) for weight in weights)
    bias = biases[0] if biases else None
    recurrent_bias = None
    if bias is not None and bias.ndim == 2:
        # GRU with reset_after has two: that of z and r may be added to U·h or to W·x, that of n is under r.
        units = int(config["units"])
        outside = np.concatenate([bias[1, : 2 * units], np.zeros(units)])
        bias, recurrent_bias = bias[0] + outside, bias[1] - outside
        recurrent_bias = recurrent_bias if np.any(recurrent_bias) else None
    return made(
        config=config, kernel=kernel, bias=bias, recurrent=recurrent, recurrent_bias=recurrent_bias, shares=shares
    )
