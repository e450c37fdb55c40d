"""Golden vectors: what each kernel set answers, also where one of them cannot, or dies of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qat_kit.convert import golden_vectors
from qat_kit.errors import DataError, ModelFileError
from qat_kit.litert.interpreter import KERNEL_SETS, Interpreter, runtime_identity
from qat_kit.manifest import decode_all
from qat_kit.numerics import dequantize
from tests.support import hostile
from tests.support.conversion import conv, converted_bytes, fake
from tests.support.tflite import Builder


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


def test_kernels_that_die_take_no_other_with_them(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(hostile.without_bias())
    golden = golden_vectors(path, None)
    assert set(golden.outputs) == {"reference"}
    answer = Interpreter(path, kernel_set="reference").run(decode_all(golden.inputs))
    np.testing.assert_array_equal(golden.outputs["reference"]["y"].array(), answer["y"])
    assert set(golden.refusals) == {"builtin", "xnnpack"}
    for kernel_set, reason in golden.refusals.items():
        assert f"kernel set {kernel_set} killed its process by SIGSEGV" in reason
        assert str(tmp_path) not in reason
    # The same death has the same words, or the manifest would not have the same bytes.
    assert golden_vectors(path, None) == golden


def test_a_file_that_nothing_runs_is_an_error(tmp_path: Path) -> None:
    graph = Builder()
    x, y = (graph.tensor(name, [1, 4], "INT8", scale=[1.0], zero_point=[0]) for name in "xy")
    graph.op("NobodysOwn", [x], [y], custom=True)
    path = tmp_path / "model.tflite"
    path.write_bytes(graph.bytes([x], [y]))
    with pytest.raises(ModelFileError, match=r"(?s)no kernel set of LiteRT runs model\.tflite: (.*NobodysOwn){3}"):
        golden_vectors(path, None)


def test_a_kernel_that_is_not_there_is_a_refusal(tmp_path: Path) -> None:
    import tensorflow as tf

    path = tmp_path / "elu.tflite"
    path.write_bytes(converted_bytes(lambda x: fake(tf.nn.elu(fake(x))), (1, 4)))
    golden = golden_vectors(path, {"input0": np.ones((2, 4), np.float32)})
    assert set(golden.refusals) == {"reference"}
    assert "ELU" in golden.refusals["reference"]
