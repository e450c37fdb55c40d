"""Keras models between stages: these live within a process alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tf_keras

    from qat_kit.schemes import QuantScheme
    from qat_kit.targets import Target


@dataclass(frozen=True, kw_only=True)
class PreparedModel:
    """One flat Functional tf_keras model without batch norm, whose every layer can be quantized.

    origins: layer of this model → the layers of the user's model that it carries (for messages).
    """

    model: tf_keras.Model
    origins: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class QatModel:
    """A prepared model whose layers stand in fake-quantizing wrappers; its ranges are calibrated."""

    model: tf_keras.Model
    scheme: QuantScheme
    target: Target
    origins: Mapping[str, tuple[str, ...]]

    @property
    def is_wide(self) -> bool:
        """Whether activations have 16 bits."""
        return self.scheme.activations is not None and self.scheme.activations.num_bits == 16
