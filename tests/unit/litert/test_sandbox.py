"""A file that is run apart answers as one that is run here, and harms nobody but its own process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from qat_kit.errors import DataError, ModelCrashError, ModelFileError
from qat_kit.litert.child import Child
from qat_kit.litert.interpreter import KERNEL_SETS, Interpreter, KernelSet, Limits
from qat_kit.litert.messages import HEADER, pack, unpack
from tests.support import hostile
from tests.support.tflite import int8_network, shared_file

LIMITS = Limits(seconds=30.0, memory_bytes=1 << 30)


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
def test_the_answers_are_those_of_this_process(kernel_set: KernelSet, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(int8_network())
    samples = np.random.default_rng(1).integers(-128, 128, (20, 4, 4, 2), dtype=np.int8)
    here = Interpreter(path, kernel_set=kernel_set, preserve_all_tensors=True)
    with Interpreter(path, kernel_set=kernel_set, preserve_all_tensors=True, limits=LIMITS) as apart:
        for mine, theirs in zip((*here.inputs, *here.outputs), (*apart.inputs, *apart.outputs), strict=True):
            assert (mine.name, mine.shape, mine.dtype) == (theirs.name, theirs.shape, theirs.dtype)
            assert mine.params == theirs.params
        assert np.array_equal(apart.run(samples), here.run(samples))
        assert np.array_equal(apart.run_real(samples / 128.0), here.run_real(samples / 128.0))
        assert np.array_equal(apart.tensor(5), here.tensor(5))
        with pytest.raises(DataError, match="takes int8, received float64"):
            apart.run(np.zeros((1, 4, 4, 2)))


@pytest.mark.parametrize("kernel_set", ["builtin", "xnnpack"])
def test_a_segmentation_fault_is_an_error_that_names_it(kernel_set: KernelSet) -> None:
    words = rf"running the model with kernel set {kernel_set} killed its process by SIGSEGV \(segmentation fault\)"
    with Interpreter(hostile.without_bias(), kernel_set=kernel_set, limits=LIMITS) as model:
        with pytest.raises(ModelCrashError, match=words):
            model.run(np.ones((1, 4, 4, 8), np.int8))
        with pytest.raises(ModelCrashError, match="has ended"):
            model.run(np.ones((1, 4, 4, 8), np.int8))


def test_a_loop_without_end_is_stopped() -> None:
    start = time.monotonic()
    with (
        Interpreter(hostile.endless_loop(), limits=Limits(seconds=1.0)) as model,
        pytest.raises(ModelCrashError, match="took longer than 1 s and was stopped"),
    ):
        model.invoke()
    assert time.monotonic() - start < 20


def test_memory_beyond_the_limit_is_refused() -> None:
    with pytest.raises(ModelFileError, match="it may be want of memory"):
        Interpreter(hostile.greedy(), limits=LIMITS)


def test_what_litert_refuses_is_said_as_it_is_here() -> None:
    path = shared_file("tflite-micro__transpose_conv2.tflite")
    messages = []
    for limits in (None, LIMITS):
        with Interpreter(path, kernel_set="reference", limits=limits) as model, pytest.raises(ModelFileError) as error:
            model.run({detail.name: np.zeros(detail.shape, detail.dtype) for detail in model.inputs})
        messages.append(str(error.value))
    assert messages[0] == messages[1]
    with pytest.raises(ModelFileError, match="cut off or damaged"):
        Interpreter(int8_network()[:1000], limits=LIMITS)


def test_the_child_ends_with_its_parent_and_with_close() -> None:
    model = Interpreter(int8_network(), limits=LIMITS)
    process = model._runtime._child._process
    assert process.poll() is None
    model.close()
    assert process.returncode is not None
    program = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from qat_kit.litert.interpreter import Interpreter, Limits\n"
        "from tests.support.tflite import int8_network\n"
        "print(Interpreter(int8_network(), limits=Limits())._runtime._child._process.pid, flush=True)\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program, str(Path(__file__).parents[3])],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    with pytest.raises(ProcessLookupError):
        os.kill(int(finished.stdout), 0)


def test_no_module_of_the_current_folder_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "flatbuffers.py").write_text("raise SystemExit('taken over')")
    monkeypatch.chdir(tmp_path)
    with Interpreter(int8_network(), limits=LIMITS) as model:
        model.invoke()


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        (b"[1]", b""),
        (b'{"facts": 1, "arrays": []}', b""),
        (b'{"facts": {}, "arrays": [["x", "|O", [1]]]}', bytes(8)),
        (b'{"facts": {}, "arrays": [["x", "|i1", [-1]]]}', bytes(8)),
        (b'{"facts": {}, "arrays": [["x", "|i1", [9]]]}', bytes(8)),
        (b"\xff\xfe", b""),
    ],
    ids=["list", "facts", "objects", "negative", "short", "no text"],
)
def test_a_message_that_is_none_is_refused(text: bytes, rest: bytes) -> None:
    with pytest.raises(ValueError):  # of json, of NumPy or our own
        unpack(len(text), text + rest)


def test_messages_keep_every_number() -> None:
    arrays = {"a/b": np.array([[1.5, -2.25]], np.float32), "": np.array(7, np.int64), "none": np.zeros((0, 3), bool)}
    message = pack({"x": [1, None, "ü"]}, arrays)
    length, text_length = HEADER.unpack(message[:16])
    facts, found = unpack(text_length, message[16:])
    assert (length, facts) == (len(message) - 16, {"x": [1, None, "ü"]})
    for name, array in arrays.items():
        assert np.array_equal(found[name], array)
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
    with pytest.raises(ModelFileError, match="only numbers"):
        pack({}, {"text": np.array(["a"])})


def test_a_child_that_does_not_start_says_why() -> None:
    with pytest.raises(ModelCrashError, match=r"a trial ended its process \(exit code 1\).*No module named"):
        Child("qat_kit.no_such_module", what="a trial", limits=LIMITS)
