"""A run's folder: held by one process at a time, and remembering which stages are done."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pydantic

from qat_kit.errors import OutputError
from qat_kit.files import remove_partial
from qat_kit.results import Record

_STATE = "run.json"
_LOCK = ".lock"
# What TensorFlow and the converter print.
LOG = "log.txt"


class RunState(Record):
    """What a folder is the run of, and the stages that are done (`run.json`)."""

    recipe: str
    source_sha256: str
    version: str
    settings: dict[str, pydantic.JsonValue]
    finished: tuple[str, ...] = ()

    def differences(self, other: RunState) -> list[str]:
        """What distinguishes two runs, in words; empty when one may go on where the other stopped."""
        found = [
            f"{what} {mine} instead of {theirs}"
            for what, mine, theirs in (
                ("recipe", self.recipe, other.recipe),
                ("version", self.version, other.version),
            )
            if mine != theirs
        ]
        if not found and self.source_sha256 != other.source_sha256:
            found.append("another text of the recipe's file, or of the kit's nets and datasets")
        names = sorted({*self.settings, *other.settings})
        found += [
            f"{name}={self.settings.get(name)} instead of {other.settings.get(name)}"
            for name in names
            if self.settings.get(name) != other.settings.get(name)
        ]
        return found


class RunFolder:
    """The folder of one run; made by `open_folder`, which holds the lock."""

    def __init__(self, path: Path, state: RunState) -> None:
        self.path = path
        self.state = state

    @property
    def work(self) -> Path:
        """For what is not worth keeping: checkpoints, candidates. Gone when the run is done."""
        return self.path / ".work"

    def is_finished(self, stage: str) -> bool:
        """Whether a stage is done."""
        return stage in self.state.finished

    def finish(self, stage: str) -> None:
        """Remembers that a stage is done; its files must be in place."""
        self.state = self.state.model_copy(update={"finished": (*self.state.finished, stage)})
        self.state.save(self.path / _STATE)


@contextmanager
def open_folder(path: Path, wanted: RunState, *, fresh: bool) -> Iterator[RunFolder]:
    """Opens a run's folder for one process; goes on with the run that is there, or starts anew when `fresh`.

    Raises OutputError when it cannot be written, when another run holds it, or when it holds a run of other settings.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = os.open(path / _LOCK, os.O_CREAT | os.O_RDWR, 0o644)
    except OSError as error:
        raise OutputError(
            f"could not write to {path}: {error.strerror}. Choose a folder that you may write to with --out"
        ) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(
                f"another run is at work in {path}; wait for it to end or choose another folder with --out"
            ) from None
        remove_partial(path)
        if fresh:
            _clear(path)
        yield RunFolder(path, _begin(path, wanted))
    finally:
        # The kernel drops the lock with the descriptor, also when the process is killed.
        os.close(lock)


def refuse_foreign(path: Path) -> None:
    """Raises OutputError when the folder holds something, and not a run."""
    if not path.is_dir() or (path / _STATE).exists():
        return
    foreign = sorted(entry.name for entry in path.iterdir() if entry.name not in (_LOCK, LOG))
    if foreign:
        raise OutputError(
            f"{path} is not empty and holds no run (found {', '.join(foreign[:3])}); choose another folder with --out"
        )


def _begin(path: Path, wanted: RunState) -> RunState:
    file = path / _STATE
    if not file.exists():
        refuse_foreign(path)
        wanted.save(file)
        return wanted
    state = RunState.load(file)
    differences = wanted.differences(state)
    if differences:
        raise OutputError(
            f"{path} holds a run that was begun otherwise: {'; '.join(differences)}. Add --fresh to start anew in it, "
            "or choose another folder with --out"
        )
    return state


def _clear(path: Path) -> None:
    """Removes a run; refuses a folder that holds none, which may be somebody's photographs."""
    if not (path / _STATE).exists():
        return
    # The state goes last: a clearing that is killed goes on when it is asked for again.
    entries = sorted(path.iterdir(), key=lambda entry: entry.name == _STATE)
    for entry in entries:
        if entry.name == _LOCK:
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
