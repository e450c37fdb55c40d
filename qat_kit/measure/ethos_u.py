"""Cycles of an Arm Ethos-U, as Arm's compiler Vela estimates them: `ethos_u_cost`."""

from __future__ import annotations

import csv
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from qat_kit.errors import ModelFileError, SettingsError
from qat_kit.litert.model_file import read_model
from qat_kit.results import EthosU

_SECONDS = 300.0
_OPERATORS = re.compile(r"^(CPU|NPU) operators = (\d+)", re.MULTILINE)


def ethos_u_cost(path: Path, *, accelerator: str = "ethos-u55-128") -> EthosU:
    """What Vela says of a file: cycles and time of an inference, memory, operators that stay with the CPU.

    An estimate of Arm's compiler and no measurement, for the system configuration that Vela takes by itself.

    accelerator: as Vela calls them, such as ethos-u55-32. Raises SettingsError where Vela is missing or
    knows no such accelerator, ModelFileError for a file that Vela does not compile.
    """
    if importlib.util.find_spec("ethosu") is None:
        raise SettingsError("Ethos-U cycles are Vela's, which is not installed: pip install 'qat-kit[ethos-u]'")
    read_model(path)
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(sys.executable, "-P", "-m", "ethosu.vela", str(path.resolve())),
            *("--output-dir", folder, "--accelerator-config", accelerator),
        ]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False, cwd=folder
        )
        summaries = list(Path(folder).glob("*_summary_*.csv"))
        if done.returncode or not summaries:
            said = (done.stderr or done.stdout).strip().splitlines()
            last = said[-1] if said else f"exit code {done.returncode}"
            if "--accelerator-config" in last:
                raise SettingsError(f"Vela: {last.partition('error: ')[2] or last}")
            raise ModelFileError(f"Vela does not compile {path} for {accelerator}: {last}")
        with summaries[0].open(encoding="utf-8", newline="") as file:
            found = next(csv.DictReader(file))
    operators = {kind: int(count) for kind, count in _OPERATORS.findall(done.stdout)}
    return EthosU(
        accelerator=accelerator,
        system=found["system_config"],
        memory_mode=found["memory_mode"],
        cycles=round(float(found["cycles_total"])),
        npu_cycles=round(float(found["cycles_npu"])),
        inference_ms=1000 * float(found["inference_time"]),
        clock_mhz=float(found["core_clock"]) / 1e6,
        sram_kib=float(found["sram_memory_used"]),
        flash_kib=float(found["off_chip_flash_memory_used"]) + float(found["on_chip_flash_memory_used"]),
        npu_operators=operators.get("NPU", 0),
        cpu_operators=operators.get("CPU", 0),
    )
