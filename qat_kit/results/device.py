"""What is known of a device besides the figures of a model."""

from __future__ import annotations

from qat_kit.results.record import Record


class Agreement(Record):
    """The answers of one of a device's kernel sets beside others'.

    against: whose, such as `x86_64` or `simulator`. num_values: of all outputs together. largest: in steps of a
    quantized output, in its own unit otherwise. refusal: why there was nothing to compare.
    """

    kernel_set: str
    against: str
    num_samples: int = 0
    num_values: int = 0
    num_differing: int = 0
    largest: float = 0.0
    refusal: str = ""

    @property
    def is_equal(self) -> bool:
        """Whether all values were compared and are the same."""
        return not self.refusal and self.num_values > 0 and self.num_differing == 0

    @property
    def text(self) -> str:
        """In words.

        >>> Agreement(kernel_set="builtin", against="x86_64", num_values=640, num_differing=86, largest=1).text
        '86 of 640 values differ from x86_64, by 1 at most'
        >>> Agreement(kernel_set="reference", against="simulator", num_values=640).text
        'all 640 values equal simulator'
        """
        if self.refusal:
            return f"not compared with {self.against}: {self.refusal}"
        if self.is_equal:
            return f"all {self.num_values} values equal {self.against}"
        return (
            f"{self.num_differing} of {self.num_values} values differ from {self.against}, by {self.largest:g} at most"
        )


class DeviceState(Record):
    """How a device was at one moment; None where it does not say.

    thermal_status: Android's word, from `none` over `light`, `moderate` and `severe` to `shutdown`.
    """

    thermal_status: str | None = None
    battery_percent: float | None = None
    battery_celsius: float | None = None
    is_charging: bool | None = None
