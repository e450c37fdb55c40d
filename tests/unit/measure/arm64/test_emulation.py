"""The real arm64 kernels, emulated: made once, made again when killed, equal to the bit where they must be."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from qat_kit.convert import golden_vectors
from qat_kit.files import sha256
from qat_kit.litert.interpreter import Interpreter, Limits
from qat_kit.litert.limits import Machine
from qat_kit.manifest import FileEntry, Manifest, decode_all
from qat_kit.measure.arm64 import Userland, golden_answers, measure_emulated, open_userland
from qat_kit.measure.arm64.instructions import count_instructions
from qat_kit.vocabulary import KernelSet
from tests.support.tflite import int8_network

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("arm64"),
    pytest.mark.skipif(shutil.which("apt-get") is None, reason="the emulated userland is made of Debian's packages"),
]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def userland(cache: Path) -> Userland:
    """Killed in the middle first, which must be of no consequence."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    code = f"from pathlib import Path; from qat_kit.measure.arm64 import *; open_userland(cache=Path({str(cache)!r}))"
    victim = subprocess.Popen([sys.executable, "-c", code], env=environment)
    deadline = time.monotonic() + 60
    while not list(cache.glob("arm64/.making-*/root/usr")) and time.monotonic() < deadline:
        time.sleep(0.02)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    assert not list(cache.glob("arm64/*/userland.json"))
    made = open_userland(cache=cache)
    assert [path.name for path in (cache / "arm64").iterdir() if path.name.startswith(".making")] == []
    before = time.monotonic()
    assert open_userland(cache=cache) == made
    assert time.monotonic() - before < 1
    return made


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(int8_network())
    return path


def test_the_processor_is_arm64(userland: Userland) -> None:
    machine = userland.machine("max")
    code = "import platform, numpy, qat_kit.litert.runtime; print(platform.machine(), numpy.arange(4).sum())"
    command, environment = [*machine.command, "-c", code], dict(machine.environment)
    assert subprocess.check_output(command, env=environment, text=True) == "aarch64 6\n"


@pytest.mark.parametrize("processor", ["cortex-a53", "cortex-a76", "max"])
def test_reference_is_equal_to_the_bit_on_every_processor(userland: Userland, model: Path, processor: str) -> None:
    found = measure_emulated(model, userland, processor=processor, num_samples=16, counts=False)
    reference = [each for each in found.agreements if each.kernel_set == "reference"]
    assert [each.against for each in reference] == ["x86_64", "simulator"]
    assert all(each.is_equal and each.num_samples == 16 for each in reference)
    assert all(not each.refusal and each.largest <= 1 for each in found.agreements)


def test_instructions_are_the_same_each_time_and_fewer_on_faster_kernels(userland: Userland, model: Path) -> None:
    content = model.read_bytes()
    inputs = {Interpreter(content).inputs[0].index: np.ones((1, 4, 4, 2), np.int8)}

    def counted(kernel_set: KernelSet) -> int:
        machine = partial(machine_with, userland)
        return count_instructions(machine, content, inputs, kernel_set=kernel_set, limits=Limits(seconds=300))

    first, second = counted("xnnpack"), counted("xnnpack")
    assert first == second
    assert 1_000 < first < counted("reference") < 1_000_000


def machine_with(userland: Userland, options: tuple[str, ...]) -> Machine:
    return userland.machine("cortex-a53", options=options)


def test_golden_answers_are_those_of_the_architecture(userland: Userland, model: Path) -> None:
    content = model.read_bytes()
    manifest = Manifest(
        name="net",
        task=None,
        scores="logits",
        files=(FileEntry(name=model.name, kind="int8", sha256=sha256(content), size_bytes=len(content)),),
        inputs=(),
        outputs=(),
        scheme="w8a8",
        target="litert",
        seed=0,
        determinism="full",
        settings={},
        calibration=None,
        golden=golden_vectors(model, None),
        certificate_sha256="",
        versions={},
    )
    path = manifest.save(model.with_name("manifest.json"))
    golden = golden_answers(path, userland).golden
    assert golden is not None
    answers = golden.elsewhere["aarch64"]
    assert answers.computed_on.startswith("cortex-a53, emulated by qemu")
    assert answers.outputs["reference"] == golden.outputs["reference"]
    machine = userland.machine("cortex-a53")
    with Interpreter(model, kernel_set="xnnpack", limits=Limits(seconds=300), machine=machine) as emulated:
        again = emulated.run(decode_all(golden.inputs))
    for name, array in decode_all(answers.outputs["xnnpack"]).items():
        np.testing.assert_array_equal(again[name], array)


def test_the_command_adds_the_device(userland: Userland, cache: Path, model: Path) -> None:
    (cache / "qat_kit").symlink_to(cache)
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    command = [sys.executable, "-m", "qat_kit.cli", "measure", str(model), "--device", "arm64-emulated"]
    options = ["--runs", "5", "--samples", "4", "--json"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=True, env=environment)
    (device,) = json.loads(done.stdout)["devices"]
    assert device["name"] == "arm64 emulated, cortex-a53"
    assert len(device["agreements"]) == 6
