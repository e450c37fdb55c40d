"""The command line's one way of ending, whichever the command."""

from __future__ import annotations

import errno
import json
import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from qat_kit.errors import QatKitError
from qat_kit.screen import Screen
from qat_kit.version import __version__


class Commands(TyperGroup):
    """Ends every command the same way: what was foreseen is one message and an exit code, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except QatKitError as error:
            say_red(f"error: {error}")
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            resumable = "; the same command goes on where it stopped" if ctx.invoked_subcommand == "run" else ""
            say_red(f"interrupted{resumable}")
            raise typer.Exit(130) from None
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.ENOSPC):
                raise
            # Python would fail on the rest of its buffer once more at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if error.errno == errno.EPIPE:  # the reader has gone, as with `| head`
                raise typer.Exit(141) from None
            say_red(f"error: could not write what was to be shown: {error.strerror}")
            raise typer.Exit(2) from None
        return result


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Quantization-aware training for Keras and export to fully int8 TFLite files, with proof.",
)


@app.callback(invoke_without_command=True)
def _top(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(f"qat-kit {__version__}")
        raise typer.Exit


def say_red(message: str) -> None:
    """An error, in the terminal's own words for it."""
    Screen(stderr=True, soft_wrap=True).print(message, style="red", markup=False, highlight=False)


def print_json(facts: Any) -> None:
    """Facts for machines."""
    print(json.dumps(facts, indent=2))
