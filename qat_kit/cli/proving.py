"""The certificate of a file, and where int8 differs from float."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from qat_kit.cli.app import print_json
from qat_kit.cli.options import AsJson, TfliteFile
from qat_kit.screen import Screen
from qat_kit.vocabulary import IoType, KernelSet, Scores


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


def ci(
    source: Annotated[Path, typer.Argument(metavar="RUN|BUNDLE|MANIFEST", help="What the tests are to be about.")],
    out: Annotated[Path, typer.Option(help="Folder for the test file.")] = Path("tests"),
    as_json: AsJson = False,
) -> None:
    """Write a pytest file that holds a .tflite file to its certificate, golden vectors, accuracy and speed."""
    from qat_kit.testing.writing import write_tests

    written = write_tests(source, out)
    if as_json:
        print_json({"file": str(written)})
    else:
        Screen().print(f"{written}: run it with pytest", markup=False, highlight=False, soft_wrap=True)
