"""Golden vectors: what each kernel set answers, also where one of them cannot, or dies of it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from qat_kit.convert import golden_vectors
from qat_kit.errors import DataError, ModelFileError
from qat_kit.litert.interpreter import KERNEL_SETS, Interpreter, runtime_identity
from qat_kit.numerics import dequantize
from tests.support.conversion import conv, converted_bytes, fake


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("golden") / "model.tflite"
    path.write_bytes(converted_bytes(lambda x, y: fake(conv(fake(x)) - fake(y)), (1, 8, 8, 4), (1, 8, 8, 4)))
    return path


def test_each_kernel_set_answers_as_the_interpreter_does(file: Path) -> None:
    random = np.random.default_rng(0)
    samples = {f"input{index}": random.normal(size=(10, 8, 8, 4)).astype(np.float32) for index in range(2)}
    golden = golden_vectors(file, samples)
    assert golden.origin == "calibration"
    assert set(golden.outputs) == set(KERNEL_SETS)
    assert not golden.refusals
    assert {"litert": golden.litert, "architecture": golden.architecture} == runtime_identity()
    for kernel_set in KERNEL_SETS:
        interpreter = Interpreter(file, kernel_set=kernel_set)
        expected = interpreter.run_real({name: array[:8] for name, array in samples.items()})
        for detail in interpreter.outputs:
            codes = golden.outputs[kernel_set][detail.name].array()
            assert len(codes) == 8
            np.testing.assert_array_equal(dequantize(codes, detail.params), expected[detail.name])


def test_synthetic_inputs_repeat_with_the_seed_and_use_every_code(file: Path) -> None:
    first, again, other = (golden_vectors(file, None, seed=seed) for seed in (0, 0, 1))
    assert first.origin == "synthetic"
    assert first == again
    assert first.inputs != other.inputs
    codes = first.inputs["input0"].array()
    assert (codes.dtype, codes.min(), codes.max()) == (np.int8, -128, 127)


def test_an_input_without_samples_is_named(file: Path) -> None:
    with pytest.raises(DataError, match=r"input 'input1' of model\.tflite has no samples; there are \['input0'\]"):
        golden_vectors(file, {"input0": np.zeros((1, 8, 8, 4), np.float32)})


def _replace_child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, deadly: str) -> None:
    """A Python whose interpreter of one kernel set aborts, as LiteRT's own do where an assertion fails in C++."""
    program = tmp_path / "python"
    program.write_text(
        f"#!{sys.executable}\n"
        "import os, runpy, sys\n"
        "from qat_kit.litert import interpreter\n"
        "run = interpreter.Interpreter.run\n"
        f"interpreter.Interpreter.run = lambda self, x: os.abort() if self.kernel_set in {deadly!r} else run(self, x)\n"
        "del sys.argv[:2]\n"
        "runpy.run_module('qat_kit.convert.golden', run_name='__main__', alter_sys=True)\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


def test_a_kernel_that_aborts_takes_no_other_with_it(
    file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = golden_vectors(file, None)
    _replace_child(monkeypatch, tmp_path, "reference")
    golden = golden_vectors(file, None)
    assert golden.refusals == {"reference": "its kernels ended the process with signal 6"}
    assert golden.outputs == {name: whole.outputs[name] for name in ("builtin", "xnnpack")}


def test_a_file_that_nothing_runs_is_an_error(file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _replace_child(monkeypatch, tmp_path, "reference builtin xnnpack")
    with pytest.raises(ModelFileError, match=r"no kernel set of LiteRT runs model\.tflite: .* signal 6"):
        golden_vectors(file, None)


def test_a_kernel_that_is_not_there_is_a_refusal(tmp_path: Path) -> None:
    import tensorflow as tf

    path = tmp_path / "elu.tflite"
    path.write_bytes(converted_bytes(lambda x: fake(tf.nn.elu(fake(x))), (1, 4)))
    golden = golden_vectors(path, {"input0": np.ones((2, 4), np.float32)})
    assert set(golden.refusals) == {"reference"}
    assert "ELU" in golden.refusals["reference"]
