"""Instructions are counted the same every time, by the names of what ran, and what valgrind hides is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from qat_kit.errors import ModelCrashError, SettingsError
from qat_kit.litert.model_file import read_model
from qat_kit.measure.instructions import count_instructions, hidden_microkernels
from tests.support import hostile
from tests.support.tflite import int8_network

needs_valgrind = pytest.mark.skipif(shutil.which("valgrind") is None, reason="no valgrind: apt-get install valgrind")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(int8_network())
    return path


@pytest.mark.slow
@needs_valgrind
def test_two_processes_count_the_same_to_the_unit(model: Path) -> None:
    for kernel_set in ("reference", "xnnpack"):
        first, second = (count_instructions(model, kernel_set=kernel_set) for _ in range(2))
        assert first == second
        assert sum(first.functions.values()) <= first.count


@needs_valgrind
def test_kernels_are_counted_by_name_and_python_is_not(model: Path) -> None:
    counted = count_instructions(model, kernel_set="reference")
    (convolution,) = (name for name in counted.functions if name.endswith("reference_integer_ops::ConvPerChannel"))
    # Each product takes some instructions; all of it is no more than the interpreter of Python would take by itself.
    (conv,) = (operator for operator in read_model(model).subgraphs[0].operators if operator.op == "CONV_2D")
    assert conv.index == 0
    assert 1_000 < counted.functions[convolution] < counted.count < 1_000_000
    assert not [name for name in counted.functions if name.startswith(("Py", "_Py", "pybind11"))]


def test_siblings_of_a_microkernel_are_found_in_the_library() -> None:
    found = hidden_microkernels(["xnn_qs8_qc8w_gemm_minmax_fp32_ukernel_3x8c8__avx2", "memcpy"])
    assert any(name.endswith("__avx512skx_prfm") for name in found)
    assert all(name.startswith("xnn_qs8_qc8w_gemm_minmax_fp32_ukernel_") for name in found)
    assert hidden_microkernels(["memcpy"]) == ()


def test_without_valgrind(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SettingsError, match="valgrind, which is not installed: apt-get install valgrind"):
        count_instructions(model)


@pytest.mark.slow
@needs_valgrind
def test_a_file_that_crashes(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(hostile.without_bias())
    with pytest.raises(ModelCrashError, match=r"counting the instructions of .* failed"):
        count_instructions(path)
