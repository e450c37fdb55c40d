"""A machine that cannot emulate arm64 is told why, and nothing half-made is left behind."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from qat_kit.errors import DeviceError, GateError, OutputError, UnknownNameError
from qat_kit.measure.arm64 import check_reference, open_userland, userland
from qat_kit.measure.arm64.instructions import BlockLog
from qat_kit.measure.arm64.processors import get_processor, write_system_files
from qat_kit.results import Agreement, DeviceMeasurement


def left_in(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "arm64").iterdir())


def test_without_apt_it_is_said_that_debian_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeviceError, match=r"no apt-get and no dpkg-deb.*no root is needed"):
        open_userland(cache=tmp_path / "cache")
    assert left_in(tmp_path / "cache") == [".lock"]


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="needs Debian's apt")
def test_a_full_disk_is_named_before_anything_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(userland, "_NEEDED_BYTES", 1 << 60)
    with pytest.raises(DeviceError, match="MiB free: free some space, or set XDG_CACHE_HOME"):
        open_userland(cache=tmp_path)
    assert left_in(tmp_path) == [".lock"]


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="XDG_CACHE_HOME"):
        open_userland(cache=tmp_path / "file")


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="needs Debian's apt")
def test_apts_own_words_are_passed_on_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = tmp_path / "sources.list"
    nowhere.write_text(f"deb [trusted=yes] file://{tmp_path}/nowhere stable main\n", encoding="ascii")
    settings = tmp_path / "apt.conf"
    settings.write_text(f'Dir::Etc::sourcelist "{nowhere}"; Dir::Etc::sourceparts "/dev/null";\n', encoding="ascii")
    monkeypatch.setenv("APT_CONFIG", str(settings))
    with pytest.raises(DeviceError, match=r"apt could not get packages for arm64.*nowhere"):
        open_userland(cache=tmp_path / "cache")
    assert left_in(tmp_path / "cache") == [".lock"]


def test_an_unknown_processor_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'cortex-a53'"):
        get_processor("cortex-a35")


def test_the_processors_describe_themselves_as_linux_does(tmp_path: Path) -> None:
    write_system_files(tmp_path, get_processor("cortex-a76"))
    told = dict(line.split("\t: ") for line in (tmp_path / "proc" / "cpuinfo").read_text().splitlines())
    assert told["CPU part"] == "0xd0b"
    assert "asimddp" in told["Features"].split()
    assert (tmp_path / "sys/devices/system/cpu/possible").read_text() == "0\n"


def test_blocks_count_as_many_instructions_as_they_have_each_time_they_run() -> None:
    log = BlockLog()
    block = [b"----------------", b"IN: name", b"0x5500000040:  d503201f  nop", b"0x5500000044:  d65f03c0  ret", b""]
    run = b"Trace 0: 0x7f975574de00 [0000000000001001/0000005500000040/00000001/00080200] name"
    for line in [*block, run, run, b"Trace 1: 0x1 [0/5500000048/1/2] "]:
        log.add(line)
    assert log.runs == {0x5500000040: 2, 0x5500000048: 1}
    with pytest.raises(DeviceError, match="0x5500000048"):
        log.num_instructions(log.runs)
    # Translated anew, a block is as long as it is now.
    for line in [b"IN: name", b"0x5500000048:  d65f03c0  ret", b"", *block]:
        log.add(line)
    assert log.num_instructions(log.runs) == 5


def test_the_reference_kernels_must_answer_alike_everywhere() -> None:
    def measured(kernel_set: str) -> DeviceMeasurement:
        differing = Agreement(kernel_set=kernel_set, against="x86_64", num_values=9, num_differing=1, largest=1.0)
        return DeviceMeasurement(name="arm64", kind="emulated", agreements=(differing,))

    check_reference(measured("xnnpack"))
    with pytest.raises(GateError, match="differ from x86_64 in 1 of 9 outputs, by 1 at most"):
        check_reference(measured("reference"))


def test_the_command_says_where_a_device_would_go() -> None:
    command = [sys.executable, "-m", "qat_kit.cli", "measure", "x.tflite", "--into", "m.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "name one with --device" in done.stderr
