"""What is in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qat_kit.cli.app import print_json
from qat_kit.cli.options import AsJson, TfliteFile
from qat_kit.screen import Screen


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
        print_json(inspection.model_dump(mode="json"))
    else:
        show_inspection(Screen(), inspection)


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
        print_json({"identical": difference.identical, **difference.model_dump(mode="json")})
    else:
        show_difference(Screen(), difference)


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
        print_json(reproduction.model_dump(mode="json"))
    else:
        show_reproduction(screen, reproduction)
