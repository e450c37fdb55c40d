"""`inspect --html`, `diff`, `repro` and `debug` as a person runs them, without a run."""

from __future__ import annotations

import json

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.support.tflite import Builder, int8_network


def test_inspect_draws_and_diff_compares(qat_kit_command, tmp_path):
    first, second = tmp_path / "a.tflite", tmp_path / "b.tflite"
    first.write_bytes(int8_network())
    second.write_bytes(int8_network(seed=1))
    done = qat_kit_command("inspect", first, "--html", tmp_path / "page.html")
    assert done.returncode == 0
    assert "DEPTHWISE" in done.stdout
    assert "<svg" in (tmp_path / "page.html").read_text(encoding="utf-8")
    done = qat_kit_command("diff", first, second)
    assert done.returncode == 0
    assert "0 CONV_2D: values of input 1: " in done.stdout
    done = qat_kit_command("diff", first, first, "--json")
    assert json.loads(done.stdout)["identical"] is True
    first.write_bytes(int8_network()[:1000])
    done = qat_kit_command("diff", first, second)
    assert done.returncode == 2
    assert "cut off or damaged" in done.stderr


def test_repro_and_debug(qat_kit_command, tmp_path):
    for name, kind in (("model.float32.tflite", "FLOAT32"), ("model.tflite", "INT8")):
        graph = Builder()
        parameters = {"scale": [1 / 64], "zero_point": [0]} if kind == "INT8" else {}
        x, y = (graph.tensor(called, [1, 2], kind, **parameters) for called in ("x", "m/double/add"))
        graph.op("ADD", [x, x], [y], options=schema.AddOptionsT())
        graph.signature({"x": x}, {"y": y})
        (tmp_path / name).write_bytes(graph.bytes([x], [y]))
    np.savez(tmp_path / "data.npz", inputs=np.array([[0.25, -0.5], [0.5, 3.0]], np.float32))
    done = qat_kit_command("debug", tmp_path, "--data", tmp_path / "data.npz")
    assert done.returncode == 0, done.stderr
    assert "cuts values off" in done.stdout
    done = qat_kit_command("repro", tmp_path / "model.tflite", "--out", tmp_path / "case")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "case" / "repro.json").read_text())["num_operators"] == 1
