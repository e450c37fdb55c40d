"""What the userland is made of: Debian's packages by the machine's own apt, wheels by this Python's own pip."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from qat_kit.errors import DeviceError

# All that a Python with NumPy and LiteRT loads.
PACKAGES = ("python3-minimal", "libpython3-stdlib", "libstdc++6", "libgcc-s1")
WHEELS = ("ai-edge-litert", "numpy", "flatbuffers")
# Of manylinux, the names that wheels for aarch64 go by; all fit a C library of 2.28 and younger.
_PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
_LAST_WORDS = 400


def require_programs() -> None:
    """Raises DeviceError where the machine cannot make a userland."""
    missing = [program for program in ("apt-get", "dpkg-deb") if shutil.which(program) is None]
    if missing:
        raise DeviceError(
            f"the arm64 userland is made of Debian's packages, and this machine has no {' and no '.join(missing)}: use "
            "a machine or a container with Debian or Ubuntu (no root is needed), or measure on an arm64 machine itself"
        )


def find_emulator() -> Path | None:
    """qemu's emulator of arm64 programs, where the machine has one."""
    found = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    return None if found is None else Path(found)


class Apt:
    """The machine's apt with folders of its own, so that no root is needed and the system stays as it is."""

    def __init__(self, scratch: Path, architecture: str) -> None:
        self._scratch, self._architecture = scratch, architecture
        for name in ("lists/partial", "cache/archives/partial", "state"):
            (scratch / name).mkdir(parents=True)
        (scratch / "status").touch()

    def update(self) -> None:
        """Reads the lists of packages."""
        self._run("update", "--error-on=any")

    def fetch(self, *packages: str) -> list[Path]:
        """Downloads packages with all that they depend on."""
        self._run("install", "--yes", "--download-only", "--no-install-recommends", *packages)
        return sorted((self._scratch / "cache" / "archives").glob("*.deb"))

    def _run(self, *arguments: str) -> None:
        folder = self._scratch
        options = {
            "APT::Architecture": self._architecture,
            "APT::Architectures": self._architecture,
            "APT::Sandbox::User": "",
            "Debug::NoLocking": "1",
            "Dir::State": f"{folder}/state",
            "Dir::State::Lists": f"{folder}/lists",
            "Dir::State::Status": f"{folder}/status",
            "Dir::Cache": f"{folder}/cache",
        }
        stated = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        run(
            ["apt-get", "-qq", *stated, *arguments],
            f"apt could not get packages for {self._architecture}: its sources must be reachable and have them",
        )


def unpack(packages: Sequence[Path], folder: Path) -> None:
    """Unpacks Debian packages; nothing of them is run."""
    for package in packages:
        run(["dpkg-deb", "--extract", str(package), str(folder)], f"could not unpack {package.name}")


def python_of(root: Path) -> str:
    """The version of a userland's Python, as `3.11`; raises DeviceError where it has none that the kit runs on."""
    names = [path.name.removeprefix("python") for path in root.glob("usr/bin/python3.*")]
    found = next((name for name in names if name.removeprefix("3.").isdigit()), None)
    if found is None:
        raise DeviceError("the packages for arm64 that apt found hold no Python 3")
    return found


def install_wheels(folder: Path, python: str) -> None:
    """Installs LiteRT and NumPy for arm64, of the versions that this machine has."""
    tag = f"cp{python.replace('.', '')}"
    platforms = [part for platform in _PLATFORMS for part in ("--platform", platform)]
    abis = [part for abi in (tag, "abi3", "none") for part in ("--abi", abi)]
    # fmt: off
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--only-binary=:all:", "--no-compile", *platforms, "--python-version", python, "--implementation", "cp", *abis,
        "--target", str(folder), *(f"{name}=={version(name)}" for name in WHEELS),
    ]
    # fmt: on
    wanted = ", ".join(f"{name} {version(name)}" for name in WHEELS)
    run(command, f"pip could not get {wanted} for arm64 and Python {python}")


def run(command: Sequence[str], failure: str) -> str:
    """Runs a program and returns what it prints; raises DeviceError with its last words."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    except OSError as error:
        raise DeviceError(f"{failure}; {command[0]}: {error.strerror}") from None
    if done.returncode:
        words = " | ".join(line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip())
        raise DeviceError(f"{failure} (exit code {done.returncode}): {words[-_LAST_WORDS:] or 'no word of why'}")
    return done.stdout
