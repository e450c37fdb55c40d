"""The cell of ConvLSTM: an LSTM whose products are convolutions."""

from __future__ import annotations

from typing import Any

import tf_keras
from numpy.typing import NDArray

from qat_kit.layers import JoinBatch, SplitBatch
from qat_kit.prepare.cells import LSTMCell
from qat_kit.prepare.parts import Parts, Tensor

_layers = tf_keras.layers

_CONVOLUTIONS = {1: _layers.Conv1D, 2: _layers.Conv2D, 3: _layers.Conv3D}


class ConvLSTMCell(LSTMCell):
    """An LSTM of images: W·x and U·h are convolutions, that of the state with a stride of 1 and padding.

    Source: Shi et al. 2015, arXiv:1506.04214, without its peepholes, as Keras has it.
    """

    @property
    def units(self) -> int:
        return int(self.config["filters"])

    def project(self, parts: Parts, sequence: str, *, part: str) -> Tensor:
        steps = parts.size(sequence, 1)
        batch, _, *frame = parts.shape(sequence)
        frames = parts.add(JoinBatch, sequence, part=f"{part}_frames", shape=(batch, *frame))
        config = {key: self.config[key] for key in ("strides", "padding", "dilation_rate")}
        weights = self.input_weights()
        frames = self._convolved(parts, f"{part}_product", frames, weights, **config, **self.of_input())
        return parts.add(SplitBatch, frames, part=part, shape=(batch, steps, *parts.shape(frames)[1:]), length=steps)

    def recurrent_product(self, parts: Parts, role: str, state: str, columns: slice = slice(None)) -> Tensor:
        del columns
        config = {"padding": "same", "use_bias": False, "shares": self.shares, **self.of_recurrent()}
        return self._convolved(parts, role, state, (self.recurrent,), **config)

    def _convolved(
        self, parts: Parts, role: str, source: str, weights: tuple[NDArray[Any], ...], **config: Any
    ) -> Tensor:
        *size, _, filters = weights[0].shape
        layer = _CONVOLUTIONS[len(size)]
        return parts.add(layer, source, part=role, weights=weights, filters=filters, kernel_size=size, **config)
