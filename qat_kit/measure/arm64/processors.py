"""The arm64 processors that can be emulated, and what a program must find of them in /proc and /sys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from qat_kit.errors import UnknownNameError


@dataclass(frozen=True, kw_only=True)
class Processor:
    """One processor. option: what qemu calls it. part: Arm's number for it. features: as Linux names them."""

    name: str
    option: str
    part: str
    features: str


_BASE = "fp asimd evtstrm aes pmull sha1 sha2 crc32"
_DOT = f"{_BASE} atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"

PROCESSORS: Mapping[str, Processor] = MappingProxyType(
    {
        "cortex-a53": Processor(name="cortex-a53", option="cortex-a53", part="0xd03", features=_BASE),
        "cortex-a76": Processor(name="cortex-a76", option="cortex-a76", part="0xd0b", features=_DOT),
        # With SME switched on XNNPACK computes garbage under qemu 7.2.
        "max": Processor(name="max", option="max,sme=off", part="0xd0b", features=f"{_DOT} sve i8mm"),
    }
)


def get_processor(name: str) -> Processor:
    """A processor by name; raises UnknownNameError."""
    if name not in PROCESSORS:
        raise UnknownNameError("emulated processor", name, PROCESSORS)
    return PROCESSORS[name]


def write_system_files(folder: Path, processor: Processor) -> None:
    """Writes what LiteRT's search for processors reads; qemu 7.2 makes up none of it, and without it LiteRT crashes."""
    cpus = folder / "sys" / "devices" / "system" / "cpu"
    for path in (folder / "proc", cpus):
        path.mkdir(parents=True)
    for name in ("possible", "present", "online", "kernel_max"):
        (cpus / name).write_text("0\n", encoding="ascii")
    lines = {
        "processor": "0",
        "BogoMIPS": "100.00",
        "Features": processor.features,
        "CPU implementer": "0x41",
        "CPU architecture": "8",
        "CPU variant": "0x0",
        "CPU part": processor.part,
        "CPU revision": "4",
    }
    text = "".join(f"{name}\t: {value}\n" for name, value in lines.items())
    (folder / "proc" / "cpuinfo").write_text(text, encoding="ascii")
