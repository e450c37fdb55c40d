"""LiteRT's real arm64 kernels without an arm64 machine: under qemu, in a userland made once. Needs no root."""

from qat_kit.measure.arm64.device import check_reference, measure_emulated
from qat_kit.measure.arm64.golden import golden_answers
from qat_kit.measure.arm64.userland import Userland, open_userland

__all__ = ["Userland", "check_reference", "golden_answers", "measure_emulated", "open_userland"]
