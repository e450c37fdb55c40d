"""The arm64 userland: made once in the user's cache, whole or not at all, and how a process runs in it."""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import qat_kit
from qat_kit.errors import DeviceError, OutputError
from qat_kit.files import sha256
from qat_kit.litert.child import Machine
from qat_kit.measure.arm64.packages import (
    PACKAGES,
    WHEELS,
    Apt,
    find_emulator,
    install_wheels,
    python_of,
    require_programs,
    run,
    unpack,
)
from qat_kit.measure.arm64.processors import PROCESSORS, get_processor, write_system_files
from qat_kit.progress import Progress, SilentProgress
from qat_kit.results import Record

_STATE = "userland.json"
# Lists, packages and wheels, before and after they are unpacked; 190 MiB stay.
_NEEDED_BYTES = 500 << 20
_STEPS = 6
# Under a loaded machine an emulated Python takes its time to import NumPy.
_START_S = 300.0
_DEBIAN_NAMES = {"x86_64": "amd64", "i686": "i386", "ppc64le": "ppc64el"}


class Userland(Record):
    """A finished userland. emulator: qemu's program, the machine's own or one in `folder`. python: as `3.11`."""

    folder: Path
    emulator: Path
    emulator_version: str
    python: str

    def machine(self, processor: str, *, options: tuple[str, ...] = ()) -> Machine:
        """How a child of LiteRT is started in it. options: more of qemu's. Raises UnknownNameError."""
        chosen = get_processor(processor)
        prefix = self.folder / "processors" / chosen.name
        python = prefix / "usr" / "bin" / f"python{self.python}"
        return Machine(
            command=(str(self.emulator), "-L", str(prefix), "-cpu", chosen.option, *options, str(python), "-P"),
            # Of this machine's environment nothing: its libraries are of another architecture.
            environment={
                "PYTHONPATH": f"{self.folder / 'wheels'}{os.pathsep}{_kit_alone(self.folder)}",
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONHASHSEED": "0",
                "OPENBLAS_NUM_THREADS": "1",
            },
            start_seconds=_START_S,
        )


def open_userland(*, cache: Path | None = None, progress: Progress | None = None) -> Userland:
    """The userland in the user's cache, made if there is none: half a minute, 190 MiB, no root.

    cache: a folder; None for qat_kit's own in $XDG_CACHE_HOME or ~/.cache. What a killed process left is cleared away.
    Raises DeviceError where it cannot be made, with what is missing, and OutputError where it cannot be written.
    """
    if platform.machine() in ("aarch64", "arm64"):
        raise DeviceError("this machine is arm64 itself: measure without --device")
    if platform.system() != "Linux":
        raise DeviceError(f"arm64 is emulated by qemu's user mode, which needs Linux, and this is {platform.system()}")
    parent = (cache or default_cache()) / "arm64"
    # Whatever the userland depends on is in its name, so that a new LiteRT makes a new one.
    folder = parent / "-".join(f"{name}-{version(name)}" for name in WHEELS)
    if not (folder / _STATE).is_file():
        with _alone(parent):
            if not (folder / _STATE).is_file():
                _make(folder, progress or SilentProgress())
    found = Userland.load(folder / _STATE)
    if not found.emulator.is_file():
        raise DeviceError(
            f"{found.emulator}, which the arm64 userland runs on, is gone: remove {folder} and start again"
        )
    return found


def default_cache() -> Path:
    """Where qat_kit keeps what can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qat_kit"


@contextmanager
def _alone(parent: Path) -> Iterator[None]:
    """Waits until nobody else is making a userland here."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(parent / ".lock", os.O_CREAT | os.O_RDWR, 0o644)
    except OSError as error:
        raise OutputError(
            f"could not write to {parent}: {error.strerror}. Set XDG_CACHE_HOME to a folder that you may write to"
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _make(folder: Path, progress: Progress) -> None:
    require_programs()
    _clear(folder.parent)
    free = shutil.disk_usage(folder.parent).free
    if free < _NEEDED_BYTES:
        raise DeviceError(
            f"the arm64 userland takes {_NEEDED_BYTES >> 20} MiB while it is made (190 afterwards), and "
            f"{folder.parent} has {free >> 20} MiB free: free some space, or set XDG_CACHE_HOME to another disk"
        )
    progress.say(f"making an arm64 userland in {folder.parent}: once, half a minute, 190 MiB, no root needed")
    making = Path(tempfile.mkdtemp(prefix=".making-", dir=folder.parent))
    try:
        with progress.track("arm64 userland", _STEPS) as advance:
            scratch, root = making / "scratch", making / "root"
            apt = Apt(scratch / "arm64", "arm64")
            apt.update()
            advance(1)
            packages = apt.fetch(*PACKAGES)
            advance(1)
            unpack(packages, root)
            emulator = find_emulator() or _fetch_emulator(making, folder)
            advance(1)
            python = python_of(root)
            install_wheels(making / "wheels", python)
            advance(1)
            _link_processors(making)
            shutil.rmtree(scratch)
            advance(1)
            tried = making / "emulator" / emulator.name if emulator.is_relative_to(folder) else emulator
            said = run([str(tried), "--version"], f"{emulator.name} does not run here")
            userland = Userland(
                folder=folder, emulator=emulator, emulator_version=said.splitlines()[0].strip(), python=python
            )
            _try(userland.model_copy(update={"folder": making, "emulator": tried}))
            userland.save(making / _STATE)
            making.rename(folder)
            advance(1)
    finally:
        # What a killed one had started, such as an unpacking, may have outlived the first clearing.
        _clear(folder.parent)


def _clear(parent: Path) -> None:
    """Removes what others left unfinished; nobody else is at work, since the lock is held."""
    for left in parent.glob(".making-*"):
        shutil.rmtree(left, ignore_errors=True)


def _fetch_emulator(making: Path, folder: Path) -> Path:
    """qemu out of Debian's package, unpacked beside the userland; returns where it will be."""
    machine = platform.machine()
    apt = Apt(making / "scratch" / "own", _DEBIAN_NAMES.get(machine, machine))
    apt.update()
    packages = [path for path in apt.fetch("qemu-user-static") if path.name.startswith("qemu-user")]
    unpack(packages, making / "scratch" / "qemu")
    found = next((making / "scratch" / "qemu").glob("usr/bin/qemu-aarch64*"), None)
    if found is None:
        raise DeviceError("Debian's qemu-user-static holds no emulator of arm64; install qemu-user-static")
    (making / "emulator").mkdir()
    shutil.copy2(found, making / "emulator" / found.name)
    return folder / "emulator" / found.name


def _link_processors(making: Path) -> None:
    """A root for each processor: its own /proc and /sys, and the one userland by links."""
    for processor in PROCESSORS.values():
        prefix = making / "processors" / processor.name
        write_system_files(prefix, processor)
        for name in ("bin", "etc", "lib", "usr"):
            (prefix / name).symlink_to(Path("..", "..", "root", name))


def _kit_alone(folder: Path) -> Path:
    """A folder with qat_kit in it and nothing else: what lies beside the kit is built for this machine."""
    package = Path(qat_kit.__file__).parent
    place = folder / "kits" / sha256(os.fsencode(package))[:12]
    link = place / "qat_kit"
    place.mkdir(parents=True, exist_ok=True)
    if not (link.is_symlink() and link.readlink() == package):
        link.unlink(missing_ok=True)
        link.symlink_to(package)
    return place


def _try(userland: Userland) -> None:
    """One start of LiteRT, whose words say what is wrong where something is."""
    machine = userland.machine("cortex-a53")
    code = "import platform; import qat_kit.litert.runtime; print(platform.machine())"
    done = subprocess.run(
        [*machine.command, "-c", code],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env=dict(machine.environment),
        stdin=subprocess.DEVNULL,
    )
    if done.stdout.strip() != "aarch64":
        words = " | ".join(done.stderr.split("\n")[-4:]).strip()
        ending = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
        raise DeviceError(
            f"LiteRT does not start in the arm64 userland under {userland.emulator.name} ({ending}): {words}"
        )
