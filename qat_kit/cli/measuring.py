"""How good, how fast and how large files are, and the report of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qat_kit.cli.app import print_json
from qat_kit.cli.keeping import keeping, write_benchmark
from qat_kit.cli.options import (
    AsJson,
    AtBatches,
    BenchmarkJson,
    CountInstructions,
    Cpu,
    Draws,
    Into,
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
from qat_kit.vocabulary import Emulated

if TYPE_CHECKING:
    from qat_kit.results import DeviceMeasurement


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
    instructions: CountInstructions = False,
    throughput: AtBatches = False,
    seed: Annotated[int, typer.Option(help="Of the random input where there is no data.")] = 0,
    device: Annotated[
        Emulated | None,
        typer.Option(help="Run the file there too: on LiteRT's arm64 kernels, emulated (made once, 190 MiB, no root)."),
    ] = None,
    cpu: Cpu = "cortex-a53",
    samples: Annotated[int, typer.Option(min=1, help="Samples, at most, that run on the device.")] = 32,
    into: Into = None,
    out: Annotated[Path | None, typer.Option(help="Write the measurement to this file, stage by stage.")] = None,
    benchmark_json: BenchmarkJson = None,
    as_json: AsJson = False,
) -> None:
    """Measure a .tflite file's latency and quality, in a process of its own; with --device, its answers there too."""
    from qat_kit.measure.apart import measure_apart
    from qat_kit.progress import RichProgress
    from qat_kit.screen import show_devices, show_figures

    screen = Screen(stderr=as_json)
    if device is None and into is not None:
        raise SettingsError("--into adds a device to a measurement: name one with --device")
    progress = RichProgress(screen)
    with keeping(out) as keep:
        with progress.track("measuring", 1):
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
                instructions=instructions,
                throughput=throughput,
                seed=seed,
                on_stage=keep,
            )
        if device is not None:
            from qat_kit.measure.arm64 import measure_emulated, open_userland

            keep(measurement.model_copy(update={"is_partial": True}))
            found = measure_emulated(
                file,
                open_userland(progress=progress),
                processor=cpu,
                data=data,
                num_samples=samples,
                counts=instructions,
                seed=seed,
                progress=progress,
            )
            measurement = measurement.with_device(found)
            add_device(into, found)
        keep(measurement)
    write_benchmark(measurement, benchmark_json)
    if as_json:
        print(measurement.model_dump_json(indent=2))
    else:
        show_figures(screen, measurement)
        show_devices(screen, measurement.devices)
    if device is not None:
        from qat_kit.measure.arm64 import check_reference

        check_reference(found)


def golden(
    source: Annotated[
        Path, typer.Argument(metavar="RUN|MANIFEST", help="The folder of a run or a conversion, or one manifest.")
    ],
    cpu: Cpu = "cortex-a53",
    as_json: AsJson = False,
) -> None:
    """Add what arm64, emulated, answers to an artifact's golden inputs to its manifest, for the app that runs there."""
    from qat_kit.convert.bundle import open_artifact
    from qat_kit.measure.arm64 import golden_answers, open_userland
    from qat_kit.progress import RichProgress

    screen = Screen(stderr=as_json)
    progress = RichProgress(screen)
    path = open_artifact(source).manifest_path
    manifest = golden_answers(path, open_userland(progress=progress), processor=cpu, progress=progress)
    manifest.save(path)
    answered = {} if manifest.golden is None else manifest.golden.elsewhere
    facts = {name: {"kernel_sets": list(one.outputs), "refusals": one.refusals} for name, one in answered.items()}
    if as_json:
        print_json({"manifest": str(path), "elsewhere": facts})
        return
    for name, one in answered.items():
        progress.say(f"{path}: golden answers of {name} on {', '.join(one.outputs)} ({one.computed_on})")


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
    train_data: Annotated[
        Path | None,
        typer.Option(help="An .npz as --data, of training data: the gap to it, of the last file and first."),
    ] = None,
    instructions: CountInstructions = False,
    throughput: AtBatches = False,
    seed: Annotated[int, typer.Option(help="Of random inputs, and of the bootstrap.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Write the measurement to this file, stage by stage.")] = None,
    benchmark_json: BenchmarkJson = None,
    as_json: AsJson = False,
) -> None:
    """Compare .tflite files on the same inputs: latency in turns, quality with paired tests."""
    from qat_kit.measure.apart import measure_apart
    from qat_kit.progress import RichProgress
    from qat_kit.screen import show_figures, show_paired

    screen = Screen(stderr=as_json)
    with keeping(out) as keep, RichProgress(screen).track("measuring", 1):
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
            instructions=instructions,
            throughput=throughput,
            robustness=robustness,
            train_data=None if train_data is None else str(train_data),
            seed=seed,
            on_stage=keep,
        )
        keep(measurement)
    write_benchmark(measurement, benchmark_json)
    if as_json:
        print(measurement.model_dump_json(indent=2))
    else:
        show_figures(screen, measurement)
        show_paired(screen, measurement)


def cost(
    file: TfliteFile,
    kernel_set: Kernels = "xnnpack",
    ethos_u: Annotated[
        str | None, typer.Option(help="Cycles on an Arm Ethos-U too, as Vela estimates them: ethos-u55-128, ….")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the JSON to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a .tflite file costs on any machine: bytes by tensor, products, memory, an estimate of energy."""
    from qat_kit.measure.cost import file_cost
    from qat_kit.measure.ethos_u import ethos_u_cost
    from qat_kit.measure.memory import measure_memory
    from qat_kit.screen import show_cost

    found = file_cost(file).model_copy(update={"memory": measure_memory(file, kernel_set=kernel_set)})
    if ethos_u is not None:
        found = found.model_copy(update={"ethos_u": ethos_u_cost(file, accelerator=ethos_u)})
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


def add_device(path: Path | None, device: DeviceMeasurement) -> None:
    """Puts a device into a measurement that is there, if one was named."""
    if path is None:
        return
    from qat_kit.results import Measurement

    Measurement.load(path).with_device(device).save(path)
