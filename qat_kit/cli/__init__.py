"""`qat-kit`: parse, call, render.

Exit code 0: done; 1: a gate failed; 2: wrong input; 3: an error that nobody foresaw, with its traceback; 130:
interrupted; 141: whoever read the output has gone.

Modules that pull in TensorFlow, LiteRT or SciPy are imported by the command that needs them.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable

from qat_kit.cli import android, making, measuring, proving, reading, running
from qat_kit.cli.app import app, say_red

COMMANDS: dict[str, Callable[..., None]] = {
    "list": running.list_recipes,
    "run": running.run,
    "convert": making.convert,
    "bundle": making.bundle,
    "verify": proving.verify,
    "debug": proving.debug,
    "inspect": reading.inspect,
    "diff": reading.diff,
    "repro": reading.repro,
    "measure": measuring.measure,
    "golden": measuring.golden,
    "compare": measuring.compare,
    "cost": measuring.cost,
    "report": measuring.report,
    "ci": proving.ci,
}
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)
app.add_typer(android.android, name="android")


def main() -> None:
    """The entry point."""
    try:
        app()
    except Exception:  # whatever it is, it must not pass for a failed gate
        traceback.print_exc()
        say_red("error: nobody foresaw this; please report it with the lines above")
        sys.exit(3)
