"""What changes between the epochs: the bits of weights, and which layers still train."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase

import tf_keras

from qat_kit.errors import SettingsError
from qat_kit.simulation.quantizers import UniformWeightQuantizer
from qat_kit.simulation.walk import quantized_layers


class BitSchedule:
    """Lowers the bits of uniform weights in even parts of the epochs before `until`; from then on the scheme's own.

    Raises SettingsError when bits are asked for and no kernel has fewer than the first.
    """

    def __init__(self, model: tf_keras.Model, bits: tuple[int, ...], *, until: int) -> None:
        self._bits, self._until = bits, until
        self._layers = [
            layer
            for layer in quantized_layers(model)
            if isinstance(quantizer := layer.quantize_config.weight_quantizer, UniformWeightQuantizer)
            and "highest" in layer.kernel_range
            and quantizer.num_bits < (bits[0] if bits else 0)
        ]
        if bits and not self._layers:
            raise SettingsError(
                f"bits = {bits} is to be lowered to the scheme's, and no layer has evenly spaced weights of fewer than "
                f"{bits[0]} bits; leave bits out or choose a scheme such as w4a8"
            )

    def __call__(self, epoch: int) -> None:
        """Sets the bits of an epoch, and their steps anew where the bits change."""
        wanted = (*self._bits, 0)[self._part(epoch)]
        for layer in self._layers:
            quantizer, weights = layer.quantize_config.weight_quantizer, layer.kernel_range
            bits = max(wanted, quantizer.num_bits)
            if bits != quantizer.bits_now(weights):
                quantizer.set_bits(bits, weights)
                quantizer.initialize(layer.kernel.numpy(), weights)

    def is_final(self, epoch: int) -> bool:
        """Whether the bits of an epoch are the scheme's, so that a file can be made of it."""
        return self._part(epoch) == len(self._bits)

    def _part(self, epoch: int) -> int:
        return epoch * (len(self._bits) + 1) // self._until if epoch < self._until else len(self._bits)


class FreezeSchedule:
    """Takes layers out of training: kernel, bias, steps and range stand still.

    freeze: glob over layer names → share of the epochs. Raises SettingsError for a glob that matches no layer.
    """

    def __init__(self, model: tf_keras.Model, freeze: Mapping[str, float], *, epochs: int) -> None:
        layers = quantized_layers(model)
        names = [layer.name for layer in layers]
        self._from: list[tuple[int, tf_keras.layers.Layer]] = []
        for pattern, share in freeze.items():
            matching = [layer for layer in layers if fnmatchcase(layer.name, pattern)]
            if not matching:
                near = ", ".join(map(repr, get_close_matches(pattern, names, n=2, cutoff=0.4) or names[:8]))
                raise SettingsError(f"freeze names {pattern!r}, and no layer is called so. Nearest: {near}")
            self._from += [(round(share * epochs), layer) for layer in matching]

    def __call__(self, epoch: int) -> None:
        """Freezes what stands still from this epoch on."""
        for start, layer in self._from:
            if epoch >= start:
                layer.trainable = False
