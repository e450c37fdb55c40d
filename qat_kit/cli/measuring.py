"""How good, how fast and how large files are, and the report of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qat_kit.cli.options import (
    AsJson,
    BenchmarkJson,
    Draws,
    JudgedAs,
    Kernels,
    MeasuredData,
    Processes,
    ScoresAre,
    TfliteFile,
    Threads,
    TimedRuns,
    Tolerance,
)
from qat_kit.errors import SettingsError
from qat_kit.screen import Screen

if TYPE_CHECKING:
    from qat_kit.results import Measurement


def measure(
    file: TfliteFile,
    data: MeasuredData = None,
    task: JudgedAs = None,
    scores: ScoresAre = "logits",
    kernel_set: Kernels = "xnnpack",
    threads: Threads = 1,
    processes: Processes = 1,
    runs: TimedRuns = 300,
    tolerance: Tolerance = None,
    draws: Draws = 0,
    seed: Annotated[int, typer.Option(help="Of the random input where there is no data.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Write the measurement to this file.")] = None,
    benchmark_json: BenchmarkJson = None,
    as_json: AsJson = False,
) -> None:
    """Measure a .tflite file's latency and quality, in a process of its own."""
    from qat_kit.measure.apart import measure_apart
    from qat_kit.progress import RichProgress
    from qat_kit.screen import show_figures

    screen = Screen(stderr=as_json)
    with RichProgress(screen).track("measuring", 1):
        measurement = measure_apart(
            file,
            data=data,
            task=task,
            scores=scores,
            kernel_set=kernel_set,
            num_threads=threads,
            num_processes=processes,
            num_runs=runs,
            tolerance=tolerance,
            num_draws=draws,
            seed=seed,
        )
    _keep(measurement, out, benchmark_json)
    if as_json:
        print(measurement.model_dump_json(indent=2))
    else:
        show_figures(screen, measurement)


def compare(
    files: Annotated[list[Path], typer.Argument(metavar="A B …", help="Files; each is compared with the first.")],
    data: MeasuredData = None,
    task: JudgedAs = None,
    scores: ScoresAre = "logits",
    kernel_set: Kernels = "xnnpack",
    threads: Threads = 1,
    processes: Processes = 1,
    runs: TimedRuns = 300,
    tolerance: Tolerance = None,
    draws: Draws = 200,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="The last file against the first under noise, blur, light and shift.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of random inputs, and of the bootstrap.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Write the measurement to this file.")] = None,
    benchmark_json: BenchmarkJson = None,
    as_json: AsJson = False,
) -> None:
    """Compare .tflite files on the same inputs: latency in turns, quality with paired tests."""
    from qat_kit.measure.apart import measure_apart
    from qat_kit.progress import RichProgress
    from qat_kit.screen import show_figures, show_paired

    screen = Screen(stderr=as_json)
    with RichProgress(screen).track("measuring", 1):
        measurement = measure_apart(
            *files,
            data=data,
            task=task,
            scores=scores,
            kernel_set=kernel_set,
            num_threads=threads,
            num_processes=processes,
            num_runs=runs,
            tolerance=tolerance,
            num_draws=draws,
            robustness=robustness,
            seed=seed,
        )
    _keep(measurement, out, benchmark_json)
    if as_json:
        print(measurement.model_dump_json(indent=2))
    else:
        show_figures(screen, measurement)
        show_paired(screen, measurement)


def cost(
    file: TfliteFile,
    kernel_set: Kernels = "xnnpack",
    out: Annotated[Path | None, typer.Option(help="Write the JSON to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a .tflite file costs on any machine: bytes by tensor, products, memory, an estimate of energy."""
    from qat_kit.measure.cost import file_cost
    from qat_kit.measure.memory import measure_memory
    from qat_kit.screen import show_cost

    found = file_cost(file).model_copy(update={"memory": measure_memory(file, kernel_set=kernel_set)})
    if out is not None:
        found.save(out)
    if as_json:
        print(found.model_dump_json(indent=2))
    else:
        show_cost(Screen(), found)


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN …", help="Folders of finished runs.")],
    out: Annotated[
        Path | None, typer.Option(help="Page (.html), Markdown (.md) or JSON (.json); report.html in RUN without it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put all that is known of a run, or of several side by side, on one page."""
    from qat_kit.files import write_text
    from qat_kit.overview import as_html, as_markdown, gather

    target = out or runs[0] / "report.html"
    if target.suffix not in (".html", ".md", ".json"):
        raise SettingsError(f"--out ends in .html, .md or .json, received {target}")
    overview = gather(runs)
    if target.suffix == ".json":
        overview.save(target)
    else:
        write_text(target, as_html(overview) if target.suffix == ".html" else as_markdown(overview))
    if as_json:
        print(overview.model_dump_json(indent=2))
    else:
        Screen().print(f"{target}: {target.stat().st_size:,} bytes", markup=False, highlight=False, soft_wrap=True)


def _keep(measurement: Measurement, out: Path | None, benchmark_json: Path | None) -> None:
    """Writes a measurement to the files that were asked for."""
    from qat_kit.files import write_text
    from qat_kit.results import BenchmarkResults, benchmark_result

    if out is not None:
        measurement.save(out)
    if benchmark_json is not None:
        found = BenchmarkResults(tuple(benchmark_result(model) for model in measurement.models))
        write_text(benchmark_json, found.model_dump_json(indent=2, exclude_none=True) + "\n")
