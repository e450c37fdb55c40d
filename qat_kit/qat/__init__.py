"""The policy of quantization-aware training."""

from qat_kit.qat.options import QatOptions
from qat_kit.qat.train import train

__all__ = ["QatOptions", "train"]
