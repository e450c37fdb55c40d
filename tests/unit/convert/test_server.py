"""One process converts many models, outlives a bad one, and is replaced."""

from __future__ import annotations

from pathlib import Path

import pytest
import tf_keras
from tf_keras import layers

from qat_kit.convert.job import Job
from qat_kit.convert.process import Limits
from qat_kit.convert.server import ConverterServer
from qat_kit.errors import ConversionError
from qat_kit.litert.model_file import read_model
from qat_kit.prepare import save_for_conversion


def saved(folder: Path) -> Path:
    image = tf_keras.Input((3,), name="image")
    return save_for_conversion(tf_keras.Model(image, layers.Dense(2, name="dense")(image)), folder / "saved_model")


def test_conversions_share_a_process_until_it_is_replaced(tmp_path: Path) -> None:
    source = saved(tmp_path)
    processes = set()
    with ConverterServer(max_conversions=2) as server:
        for index in range(3):
            path = server.convert(Job(saved_model=source, output=tmp_path / f"{index}.tflite", mode="float32"))
            assert read_model(path).subgraphs[0].operators[0].op == "FULLY_CONNECTED"
            assert server._child is not None
            processes.add(server._child.pid)
        child = server._child
        with pytest.raises(ConversionError, match=r"conversion \(float32\) failed: .*absent"):
            server.convert(Job(saved_model=tmp_path / "absent", output=tmp_path / "x.tflite", mode="float32"))
    assert len(processes) == 2
    assert child.poll() is not None


def test_a_conversion_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    job = Job(saved_model=tmp_path / "absent", output=tmp_path / "x.tflite", mode="float32")
    with (
        ConverterServer(limits=Limits(time_s=0.01)) as server,
        pytest.raises(ConversionError, match=r"longer than 0\.01 s"),
    ):
        server.convert(job)
