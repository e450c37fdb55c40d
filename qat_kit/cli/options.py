"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qat_kit.vocabulary import EmulatedCpu, KernelSet, Scores

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
TfliteFile = Annotated[Path, typer.Argument(metavar="FILE", help="A .tflite file.")]
Threads = Annotated[int, typer.Option("--threads", min=1, help="Threads of the interpreter.")]
MeasuredData = Annotated[
    Path | None,
    typer.Option(
        help="An .npz with `inputs` and `labels` (`labels.NAME` of each output); without it, only latency is measured."
    ),
]
JudgedAs = Annotated[
    str | None,
    typer.Option(
        help="How answers are judged: classification, regression, anomaly, …; OUTPUT=TASK,… where they differ."
    ),
]
ScoresAre = Annotated[Scores, typer.Option(help="What the output holds.")]
Kernels = Annotated[KernelSet, typer.Option(help="Which of LiteRT's kernels.")]
Processes = Annotated[int, typer.Option(min=1, help="Processes that share the samples.")]
TimedRuns = Annotated[int, typer.Option(min=1, help="Timed inferences, at least.")]
Tolerance = Annotated[
    float | None,
    typer.Option(help="Go on, for a minute at most, until the median is known to this share of it, such as 0.02."),
]
Draws = Annotated[
    int, typer.Option(min=0, help="Draws of the bootstrap of figures that are neither shares nor means; 0: none.")
]
Cpu = Annotated[EmulatedCpu, typer.Option(help="The arm64 processor that is emulated.")]
Into = Annotated[
    Path | None, typer.Option(help="Add the device to this measurement, such as a run's measurement.json.")
]
CountInstructions = Annotated[
    bool, typer.Option("--instructions", help="Count the instructions of an inference: here with valgrind, and there.")
]
AtBatches = Annotated[bool, typer.Option("--throughput", help="Samples a second, one and 32 at once.")]
BenchmarkJson = Annotated[
    Path | None, typer.Option(help="Write the latencies in the shape of LiteRT's benchmark tool to this file.")
]
