"""The runner: a recipe, stage by stage, in a folder that remembers what is done.

    float ─▶ qat ─▶ convert ─▶ verify ─▶ measure

Each stage reads the files of the stages before it, also when they ran in this very process, so that a run that was
killed and went on is the same run.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qat_kit.checks import check_dataset
from qat_kit.convert.artifact import MANIFEST_NAME
from qat_kit.datasets import Dataset
from qat_kit.folder import RunState, open_folder
from qat_kit.manifest import Artifact, Manifest
from qat_kit.numerics import get_range_estimator
from qat_kit.progress import Progress, SilentProgress
from qat_kit.recipe import Recipe, blaming
from qat_kit.results import Certificate, Measurement
from qat_kit.run.converting import convert_both
from qat_kit.run.gates import refuse_poor_figures
from qat_kit.run.job import CERTIFICATE, MEASUREMENT, Job
from qat_kit.run.measuring import measure_all
from qat_kit.run.proving import prove
from qat_kit.run.training import train_float, train_quantized
from qat_kit.schemes import get_scheme
from qat_kit.targets import get_target
from qat_kit.training import fix_randomness
from qat_kit.version import __version__

_STAGES: dict[str, Callable[[Job, Dataset], None]] = {
    "float": train_float,
    "qat": train_quantized,
    "convert": convert_both,
    "verify": prove,
    "measure": measure_all,
}


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a run leaves behind. folder holds it all; comparisons are against the float model."""

    folder: Path
    artifact: Artifact
    certificate: Certificate
    measurement: Measurement


def run(recipe: Recipe, folder: Path, *, fresh: bool = False, progress: Progress | None = None) -> RunResult:
    """Runs a recipe, or goes on with it where it stopped.

    Raises GateError when the work is done and the result is not good enough (CertificateError: the file is not fully
    int8, and there is no `model.tflite`), and other QatKitErrors for wrong input.
    """
    result = run_stages(recipe, folder, fresh=fresh, progress=progress)
    refuse_poor_figures(result.measurement, recipe.settings)
    return result


def run_stages(recipe: Recipe, folder: Path, *, fresh: bool = False, progress: Progress | None = None) -> RunResult:
    """What `run` does, without the gates: for those who show the figures first."""
    # Names that do not exist are refused before the folder is touched.
    get_scheme(recipe.settings.scheme)
    get_target(recipe.settings.target)
    get_range_estimator(recipe.settings.range_estimator)
    state = RunState(
        recipe=recipe.name,
        source_sha256=recipe.source_sha256,
        version=__version__,
        settings=recipe.settings.recorded(),
    )
    with open_folder(folder, state, fresh=fresh) as opened:
        return _execute(Job(recipe, opened, progress or SilentProgress()))


def _execute(job: Job) -> RunResult:
    """All stages that are not done yet."""
    recipe, settings = job.recipe, job.settings
    if not all(job.folder.is_finished(stage) for stage in _STAGES):
        with job.progress.track("loading data", 1), blaming(f"load_data of recipe {recipe.name}"):
            loaded = recipe.load_data(settings)
        dataset = check_dataset(loaded, *job.tasks)
        if settings.max_samples is not None:
            dataset = dataset.at_most(settings.max_samples)
        for name, stage in _STAGES.items():
            if job.folder.is_finished(name):
                job.progress.say(f"  {name:<8} done before")
                continue
            # Each stage starts from the seed, whichever stages ran before it in this process.
            fix_randomness(settings.seed)
            start = time.monotonic()
            stage(job, dataset)
            job.folder.finish(name)
            job.progress.say(f"  {name:<8} {time.monotonic() - start:.1f} s")
    shutil.rmtree(job.folder.work, ignore_errors=True)
    return RunResult(
        folder=job.path,
        artifact=Artifact(path=job.path / job.model_name, manifest=Manifest.load(job.path / MANIFEST_NAME)),
        certificate=Certificate.load(job.path / CERTIFICATE),
        measurement=Measurement.load(job.path / MEASUREMENT),
    )
