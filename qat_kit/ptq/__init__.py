"""What makes a float model easier to quantize where it cannot be trained again: from PreparedModel to PreparedModel."""

from qat_kit.ptq.equalization import Equalization, equalize
from qat_kit.ptq.paths import ChannelPath

__all__ = ["ChannelPath", "Equalization", "equalize"]
