"""Files and bundles without training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from qat_kit.cli.app import print_json
from qat_kit.cli.options import AsJson
from qat_kit.screen import Screen
from qat_kit.vocabulary import BundleKind, IoType, Resize, Selection


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
    equalize: Annotated[
        bool, typer.Option("--equalize", help="Make the channels of neighbouring kernels equally large first.")
    ] = False,
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
    max_drop: Annotated[float, typer.Option(metavar="POINTS", help="What accuracy may fall by, beyond chance.")] = 1.0,
    max_macs: Annotated[
        int | None, typer.Option(min=0, help="Products that the simulator may compute; 1e9 without it.")
    ] = None,
    time_limit: Annotated[float, typer.Option(help="Of the converter, in seconds.")] = 900.0,
    memory_limit: Annotated[int | None, typer.Option(help="Of the converter, in MiB.")] = None,
    seed: Annotated[int, typer.Option(help="Of whatever is drawn at random.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Convert a Keras model without training it.

    Where the file is not what the scheme says, or does not answer as it should, there is none: exit code 1, each
    operator with its layer and what to do.
    """
    from qat_kit.files import read_text
    from qat_kit.folder import LOG
    from qat_kit.progress import RichProgress
    from qat_kit.screen import chatter_to, show_certificate

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
            equalization=equalize,
            num_samples=samples,
            selection=select,
            class_names=() if labels is None else tuple(read_text(labels).splitlines()),
            description=description,
            no_user_data=no_user_data,
            max_drop_points=max_drop,
            max_macs=max_macs,
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
            show_certificate(Screen(file=stdout), done.certificate)
            progress.say(f"{done.artifact.path}")


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
        print_json({"files": [str(file) for file in files]})
        return
    for file in files:
        Screen().print(f"{file}: {file.stat().st_size:,} bytes", markup=False, highlight=False, soft_wrap=True)
