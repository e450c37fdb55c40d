"""Where an int8 file loses what its float twin knew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from qat_kit.report.text import printable
from qat_kit.screen.console import table_of

if TYPE_CHECKING:
    from qat_kit.debug import LayerComparison


def show_layers(console: Console, comparison: LayerComparison) -> None:
    """One layer a line, the worst first, and what to try for each that stands out."""
    table = table_of("layer", "operator", "SQNR\ndB", "cosine", "within\n1 step", "cut off", "codes\nused")
    for layer in comparison.layers:
        near = sum(share for steps, share in layer.histogram_lsb.items() if abs(steps) <= 1)
        table.add_row(
            Text(printable(layer.layer)),
            layer.op,
            f"{layer.sqnr_db:.1f}",
            f"{layer.cosine:.5f}",
            f"{near:.1%}",
            f"{layer.saturated:.1%}",
            f"{layer.range_use:.0%}",
        )
    console.print(table)
    lines = [f"{layer.layer}: {layer.remedy}" for layer in comparison.layers if layer.remedy]
    lines += [f"{name}: no float twin of that name" for name in comparison.unpaired]
    for line in (*lines, f"{comparison.num_samples} samples, kernels {comparison.kernel_set}"):
        console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
