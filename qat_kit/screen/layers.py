"""Where an int8 file loses what its float twin knew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from qat_kit.report.text import printable
from qat_kit.screen.console import table_of

if TYPE_CHECKING:
    from qat_kit.debug import LayerComparison, Trials

# The rest is in the JSON.
_MOST_TRIALS = 12


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
    if comparison.trials is not None:
        _show_trials(console, comparison.trials)


def _show_trials(console: Console, trials: Trials) -> None:
    """What is lost to weights and to activations, the layers that cost most, and what each change brought."""
    split = trials.split
    console.print(
        f"\noutputs of the trained model, {trials.num_samples} samples, signal over quantization noise: weights alone "
        f"{split.weights_only_db:.1f} dB, activations alone {split.activations_only_db:.1f} dB, both "
        f"{split.both_db:.1f} dB; what follows was tried in the simulated model, and no file was made",
        highlight=False,
        soft_wrap=True,
    )
    table = table_of("layer", "tried", "gain\ndB", "how to have it")
    for trial in trials.trials[:_MOST_TRIALS]:
        table.add_row(Text(printable(trial.layer or "all")), trial.change, f"{trial.gain_db:+.1f}", trial.how)
    console.print(table)
