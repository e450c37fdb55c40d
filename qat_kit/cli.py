"""`qat-kit`: parse, call, render.

Exit code 0: done; 1: a gate failed; 2: wrong input; 3: an error that nobody foresaw, with its traceback; 130:
interrupted; 141: whoever read the output has gone.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from qat_kit.errors import QatKitError, SettingsError
from qat_kit.screen import Screen
from qat_kit.version import __version__
from qat_kit.vocabulary import BundleKind, IoType, KernelSet, Resize, Scores, Selection

if TYPE_CHECKING:
    from qat_kit.results import Measurement

# Modules that pull in TensorFlow, LiteRT or SciPy are imported by the command that needs them.


class _Commands(TyperGroup):
    """Ends every command the same way: what was foreseen is one message and an exit code, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except QatKitError as error:
            _say_red(f"error: {error}")
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            resumable = "; the same command goes on where it stopped" if ctx.invoked_subcommand == "run" else ""
            _say_red(f"interrupted{resumable}")
            raise typer.Exit(130) from None
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.ENOSPC):
                raise
            # Python would fail on the rest of its buffer once more at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if error.errno == errno.EPIPE:  # the reader has gone, as with `| head`
                raise typer.Exit(141) from None
            _say_red(f"error: could not write what was to be shown: {error.strerror}")
            raise typer.Exit(2) from None
        return result


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Quantization-aware training for Keras and export to fully int8 TFLite files, with proof.",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
TfliteFile = Annotated[Path, typer.Argument(metavar="FILE", help="A .tflite file.")]
Threads = Annotated[int, typer.Option("--threads", min=1, help="Threads of the interpreter.")]
MeasuredData = Annotated[
    Path | None, typer.Option(help="An .npz with `inputs` and `labels`; without it, only latency is measured.")
]
JudgedAs = Annotated[
    str | None, typer.Option(help="How answers are judged: classification, regression, anomaly, segmentation, …")
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
BenchmarkJson = Annotated[
    Path | None, typer.Option(help="Write the latencies in the shape of LiteRT's benchmark tool to this file.")
]


def main() -> None:
    """The entry point."""
    try:
        app()
    except Exception:  # whatever it is, it must not pass for a failed gate
        traceback.print_exc()
        _say_red("error: nobody foresaw this; please report it with the lines above")
        sys.exit(3)


@app.callback(invoke_without_command=True)
def _top(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(f"qat-kit {__version__}")
        raise typer.Exit


@app.command("list")
def list_recipes(as_json: AsJson = False) -> None:
    """List the recipes."""
    from qat_kit.recipe import all_recipes
    from qat_kit.screen import show_recipes

    recipes = all_recipes()
    if as_json:
        _print_json([{"name": recipe.name, "summary": recipe.summary, "task": recipe.task} for recipe in recipes])
        return
    show_recipes(Screen(), recipes)


@app.command()
def run(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe's name, or a Python file of your own.")],
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; may be repeated.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; runs/RECIPE without it.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed; the same seed gives the same file.")] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh/--resume", help="Start anew, or go on where the run stopped (the default).")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run a recipe: train, quantize, convert, verify, measure."""
    from dataclasses import replace

    from qat_kit.folder import LOG, refuse_foreign
    from qat_kit.progress import RichProgress
    from qat_kit.recipe import load_recipe
    from qat_kit.screen import chatter_to, show_measurement

    wishes = _parse_changes(changes or [], seed)
    with chatter_to(Path(os.devnull)) as (_, stderr), RichProgress(Screen(file=stderr)).track("reading the recipe", 1):
        loaded = load_recipe(recipe)
    loaded = replace(loaded, settings=loaded.settings.changed(wishes))
    folder = (out or Path("runs") / loaded.name).expanduser()
    refuse_foreign(folder)
    with chatter_to(folder / LOG) as (stdout, stderr):
        # With --json, stdout carries the JSON and nothing else.
        screen = Screen(file=stderr if as_json else stdout)
        progress = RichProgress(screen)
        progress.say(f"{loaded.name}: {loaded.summary}")
        with progress.track("starting TensorFlow", 1):
            from qat_kit.run import refuse_low_accuracy, run_stages

        result = run_stages(loaded, folder, fresh=fresh, progress=progress)
        if as_json:
            facts = {
                "folder": str(folder),
                "certificate": {"passed": result.certificate.passed, "verdict": result.certificate.verdict},
                "manifest": result.artifact.manifest.model_dump(mode="json"),
                "measurement": result.measurement.model_dump(mode="json"),
            }
            print(json.dumps(facts, indent=2), file=stdout)
        else:
            show_measurement(screen, result.measurement, result.certificate)
            progress.say(f"in {folder}/")
        refuse_low_accuracy(result, loaded.settings)


@app.command()
def verify(
    file: TfliteFile,
    scheme: Annotated[str, typer.Option(help="What the file should be.")] = "w8a8",
    tensors: Annotated[
        Path | None, typer.Option(help="tensors.json of the training; the one beside FILE without it.")
    ] = None,
    io: Annotated[
        IoType | None, typer.Option(help="What inputs and outputs were to be; as the scheme without it.")
    ] = None,
    target: Annotated[str, typer.Option(help="The runtime that is to run the file.")] = "litert_xnnpack",
    runtime: Annotated[
        str | None, typer.Option(help="The oldest TensorFlow Lite that must run the file, such as 2.16.")
    ] = None,
    max_arena: Annotated[
        int | None, typer.Option(min=0, metavar="BYTES", help="What its activations may take.")
    ] = None,
    run: Annotated[
        bool, typer.Option("--run", help="Run it, too: against the kernel simulator and its golden vectors.")
    ] = False,
    manifest: Annotated[
        Path | None, typer.Option(help="manifest.json of the file; the one beside FILE without it.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="An .npz with `inputs`, and `labels` for the gate on accuracy; implies --run.")
    ] = None,
    qat: Annotated[
        Path | None, typer.Option(help="The trained .keras model to compare answers with; implies --run.")
    ] = None,
    scores: Annotated[
        Scores | None, typer.Option(help="What the output holds; as the manifest, or logits, without it.")
    ] = None,
    max_drop: Annotated[float, typer.Option(metavar="POINTS", help="What accuracy may fall by, beyond chance.")] = 1.0,
    max_macs: Annotated[
        int | None, typer.Option(min=0, help="Products that the simulator may compute; 1e9 without it.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of random inputs, where there are no golden ones.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the certificate to this file; FILE.certificate.json with --run and without this."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Prove that a .tflite file is fully integer, and with --run that it computes what it should.

    Where it does not: exit code 1, each operator with its layer and what to do.
    """
    from qat_kit.screen import chatter_to, show_certificate
    from qat_kit.verification import Evidence, certificate_path, certify

    evidence = Evidence(
        tensors=tensors,
        manifest=manifest,
        run=run,
        data=data,
        qat=qat,
        scores=scores,
        max_drop_points=max_drop,
        max_macs=max_macs,
        seed=seed,
    )
    with chatter_to(Path(os.devnull)) as (stdout, _):
        certificate = certify(
            file, evidence, scheme=scheme, io=io, target=target, runtime=runtime, max_arena_bytes=max_arena
        )
        path = out or (certificate_path(file) if certificate.ran_on else None)
        if path is not None:
            certificate.save(path)
        if as_json:
            facts = {"passed": certificate.passed, **certificate.model_dump(mode="json")}
            print(json.dumps(facts, indent=2), file=stdout)
        else:
            show_certificate(Screen(file=stdout), certificate)
    if not certificate.passed:
        raise typer.Exit(1)


@app.command()
def inspect(
    file: TfliteFile,
    out: Annotated[Path | None, typer.Option(help="Write the JSON to this file.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with a picture of the graph to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what is in a .tflite file, operator by operator."""
    from qat_kit.files import write_text
    from qat_kit.inspection import as_html
    from qat_kit.inspection import inspect as inspect_file
    from qat_kit.screen import show_inspection

    inspection = inspect_file(file)
    if out is not None:
        inspection.save(out)
    if html is not None:
        write_text(html, as_html(inspection, name=file.name))
    if as_json:
        _print_json(inspection.model_dump(mode="json"))
    else:
        show_inspection(Screen(), inspection)


@app.command()
def diff(
    before: Annotated[Path, typer.Argument(metavar="A", help="A .tflite file.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="Another.")],
    out: Annotated[Path | None, typer.Option(help="Write the JSON to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what distinguishes two .tflite files: operators, shapes, scales, weights, sizes."""
    from qat_kit.inspection import compare_files
    from qat_kit.screen import show_difference

    difference = compare_files(before, after)
    if out is not None:
        difference.save(out)
    if as_json:
        _print_json({"identical": difference.identical, **difference.model_dump(mode="json")})
    else:
        show_difference(Screen(), difference)


@app.command()
def repro(
    file: TfliteFile,
    out: Annotated[Path, typer.Option(help="Folder for the smallest case: repro.tflite, inputs.npz, repro.json.")],
    seed: Annotated[int, typer.Option(help="Of the random inputs.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Cut out the smallest one-operator model on which LiteRT's kernel sets disagree."""
    from qat_kit.inspection.reproduction import reproduce, save_case
    from qat_kit.progress import RichProgress
    from qat_kit.screen import show_reproduction

    screen = Screen(stderr=as_json)
    reproduction, case = reproduce(file, seed=seed, progress=RichProgress(screen))
    reproduction.save(out / "repro.json")
    if case is not None:
        save_case(case, out)
    if as_json:
        _print_json(reproduction.model_dump(mode="json"))
    else:
        show_reproduction(screen, reproduction)


@app.command()
def debug(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder: model.float32.tflite and model.tflite.")],
    data: Annotated[Path, typer.Option(help="An .npz with `inputs`, or an array for each input by name.")],
    kernel_set: Annotated[KernelSet, typer.Option(help="Which of LiteRT's kernels.")] = "reference",
    tries: Annotated[
        bool, typer.Option("--try", help="Try remedies on the trained model, and tell weights from activations.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write the JSON to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show which layers of a run lose most between float and int8, and what to try; with --try, what it brings."""
    from qat_kit.debugging import debug_run
    from qat_kit.progress import RichProgress
    from qat_kit.screen import chatter_to, show_layers

    with chatter_to(Path(os.devnull)) as (stdout, stderr):
        progress = RichProgress(Screen(file=stderr))
        comparison = debug_run(run, data, kernel_set=kernel_set, tries=tries, progress=progress)
        if out is not None:
            comparison.save(out)
        if as_json:
            print(comparison.model_dump_json(indent=2), file=stdout)
        else:
            show_layers(Screen(file=stdout), comparison)


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
def convert(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A Keras model: .keras, .h5 or a SavedModel folder.")],
    out: Annotated[Path, typer.Option(help="Folder for the file, its manifest and its certificate.")],
    representative: Annotated[
        Path | None, typer.Option(help="Samples that set the ranges: an .npz, or a folder of images or wav files.")
    ] = None,
    input_shapes: Annotated[
        str, typer.Option(help="Sizes that the model leaves open: 224x224x3, or image=224x224x3,tokens=128.")
    ] = "",
    scheme: Annotated[str, typer.Option(help="w8a8, w4a8, w8a16, w8_dynamic or fp16.")] = "w8a8",
    target: Annotated[str, typer.Option(help="The runtime that is to run the file.")] = "litert_xnnpack",
    io: Annotated[
        IoType | None, typer.Option(help="Type of inputs and outputs; int8 (or the scheme's own) without it.")
    ] = None,
    estimator: Annotated[str, typer.Option(help="What makes ranges of samples.")] = "portfolio",
    samples: Annotated[int, typer.Option(min=1, help="How many samples to use.")] = 128,
    select: Annotated[Selection, typer.Option(help="Which samples to use.")] = "first",
    mean: Annotated[
        list[float] | None, typer.Option(help="Of raw values (images: 0–255); one, or one a channel.")
    ] = None,
    std: Annotated[list[float] | None, typer.Option(help="Of raw values; one, or one a channel.")] = None,
    resize: Annotated[Resize, typer.Option(help="How images come to the model's size.")] = "stretch",
    sample_rate: Annotated[int | None, typer.Option(help="Of wav files, in Hz; others are refused.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Class names, one a line.")] = None,
    description: Annotated[str, typer.Option(help="A sentence for the file's metadata and the manifest.")] = "",
    no_user_data: Annotated[
        bool, typer.Option("--no-user-data", help="Golden inputs drawn at random; nothing of the samples is kept.")
    ] = False,
    time_limit: Annotated[float, typer.Option(help="Of the converter, in seconds.")] = 900.0,
    memory_limit: Annotated[int | None, typer.Option(help="Of the converter, in MiB.")] = None,
    seed: Annotated[int, typer.Option(help="Of whatever is drawn at random.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Convert a Keras model without training it.

    Where the file is not what the scheme says there is none: exit code 1, each operator with its layer and what to do.
    """
    from qat_kit.files import read_text
    from qat_kit.folder import LOG
    from qat_kit.progress import RichProgress
    from qat_kit.screen import chatter_to

    with chatter_to(out / LOG) as (stdout, stderr):
        progress = RichProgress(Screen(file=stderr if as_json else stdout))
        with progress.track("starting TensorFlow", 1):
            from qat_kit.conversion import convert_model
            from qat_kit.convert.process import Limits
            from qat_kit.datasets.sources import open_source
            from qat_kit.manifest import Preprocessing
            from qat_kit.prepare import take_model

            loaded = take_model(model, input_shapes=input_shapes)
        source = None
        if representative is not None:
            stated = Preprocessing(
                mean=tuple(mean or (0.0,)), std=tuple(std or (1.0,)), resize=resize, sample_rate=sample_rate
            )
            shapes = {tensor.node.layer.name: tuple(tensor.shape[1:]) for tensor in loaded.inputs}
            source = open_source(representative, shapes, preprocessing=stated)
        done = convert_model(
            loaded,
            out,
            representative=source,
            scheme=scheme,
            target=target,
            interface=io,
            estimator=estimator,
            num_samples=samples,
            selection=select,
            class_names=() if labels is None else tuple(read_text(labels).splitlines()),
            description=description,
            no_user_data=no_user_data,
            seed=seed,
            limits=Limits(time_s=time_limit, memory_mb=memory_limit),
            log=out / LOG,
            progress=progress,
        )
        if as_json:
            facts = {
                "file": str(done.artifact.path),
                "certificate": {"passed": done.certificate.passed, "verdict": done.certificate.verdict},
                "manifest": done.artifact.manifest.model_dump(mode="json"),
            }
            print(json.dumps(facts, indent=2), file=stdout)
        else:
            progress.say(f"{done.artifact.path}: {done.certificate.verdict}")


@app.command()
def bundle(
    source: Annotated[
        Path, typer.Argument(metavar="RUN|FOLDER|MANIFEST", help="What a run, or convert, has left; or one manifest.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the bundle.")],
    kind: Annotated[BundleKind, typer.Option(help="For an app on a phone, or C source for a microcontroller.")] = "app",
    as_json: AsJson = False,
) -> None:
    """Put together what an app takes: model, manifest and labels, or a C array with its header."""
    from qat_kit.convert.bundle import bundle_app
    from qat_kit.convert.c_array import bundle_c_array

    files = (bundle_app if kind == "app" else bundle_c_array)(source, out)
    if as_json:
        _print_json({"files": [str(file) for file in files]})
        return
    for file in files:
        Screen().print(f"{file}: {file.stat().st_size:,} bytes", markup=False, highlight=False, soft_wrap=True)


def _keep(measurement: Measurement, out: Path | None, benchmark_json: Path | None) -> None:
    """Writes a measurement to the files that were asked for."""
    from qat_kit.files import write_text
    from qat_kit.results import BenchmarkResults, benchmark_result

    if out is not None:
        measurement.save(out)
    if benchmark_json is not None:
        found = BenchmarkResults(tuple(benchmark_result(model) for model in measurement.models))
        write_text(benchmark_json, found.model_dump_json(indent=2, exclude_none=True) + "\n")


def _parse_changes(changes: list[str], seed: int | None) -> dict[str, object]:
    wishes: dict[str, object] = {} if seed is None else {"seed": seed}
    for change in changes:
        name, sign, value = (part.strip() for part in change.partition("="))
        if not sign or not name:
            raise SettingsError(f"--set takes KEY=VALUE, received {change!r}")
        if name in wishes:
            raise SettingsError(f"{name} is given twice: {wishes[name]} and {value}")
        wishes[name] = value
    return wishes


def _say_red(message: str) -> None:
    Screen(stderr=True, soft_wrap=True).print(message, style="red", markup=False, highlight=False)


def _print_json(facts: Any) -> None:
    print(json.dumps(facts, indent=2))


if __name__ == "__main__":
    main()
