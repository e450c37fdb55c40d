"""What people see on the terminal: tables, a subject a file."""

from __future__ import annotations

from qat_kit.screen.certificate import show_certificate
from qat_kit.screen.console import Screen, chatter_to
from qat_kit.screen.devices import show_devices, show_phones
from qat_kit.screen.inspection import show_difference, show_inspection, show_reproduction
from qat_kit.screen.layers import show_layers
from qat_kit.screen.measurement import show_cost, show_figures, show_measurement, show_paired
from qat_kit.screen.recipes import show_recipes

__all__ = [
    "Screen",
    "chatter_to",
    "show_certificate",
    "show_cost",
    "show_devices",
    "show_difference",
    "show_figures",
    "show_inspection",
    "show_layers",
    "show_measurement",
    "show_paired",
    "show_phones",
    "show_recipes",
    "show_reproduction",
]
