"""The error of each layer, worked by hand on a net of two."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from qat_kit.debug import LayerComparison, compare_layers
from qat_kit.errors import DataError
from tests.support.tflite import Builder

INPUTS = np.array([[0.0, 1.0], [2.0, 3.0]], np.float32)


def net(folder: Path, *, middle_scale: float | None, name: str = "double/add") -> Path:
    """x + x, then that + itself; float where there is no scale for what lies between."""
    graph = Builder()

    def tensor(called: str, scale: float) -> int:
        if middle_scale is None:
            return graph.tensor(called, [1, 2], "FLOAT32")
        return graph.tensor(called, [1, 2], "INT8", scale=[scale], zero_point=[-128])

    x, y, z = (tensor(n, s) for n, s in (("x", 1 / 8), (f"model/{name};other", middle_scale or 0), ("end", 1 / 8)))
    for source, result in ((x, y), (y, z)):
        graph.op("ADD", [source, source], [result], options=schema.AddOptionsT())
    path = folder / f"{middle_scale}.{name.split('/')[0]}.tflite"
    path.write_bytes(graph.bytes([x], [z]))
    return path


def test_exact_steps_lose_nothing(tmp_path: Path) -> None:
    found = compare_layers(net(tmp_path, middle_scale=None), net(tmp_path, middle_scale=1 / 8), {"x": INPUTS})
    assert {layer.layer: layer.sqnr_db for layer in found.layers} == {"double/add": np.inf, "output 0": np.inf}
    assert (found.num_samples, found.unpaired, found.layers[0].remedy) == (2, (), "")
    # Codes 0, 16, 32 and 48 above the zero point of −128.
    assert next(layer for layer in found.layers if layer.layer == "double/add").range_use == 48 / 255
    assert LayerComparison.load(found.save(tmp_path / "layers.json")) == found


def test_a_range_that_cuts_off_is_named(tmp_path: Path) -> None:
    """255 steps of 1/128 reach 1.99: of 0, 2, 4 and 6 all but the first are cut off, 2 by one step."""
    found = compare_layers(net(tmp_path, middle_scale=None), net(tmp_path, middle_scale=1 / 128), {"x": INPUTS})
    layer = next(layer for layer in found.layers if layer.layer == "double/add")
    answer = np.array([0, 255 / 128, 255 / 128, 255 / 128])
    noise = float(np.sum((np.array([0, 2, 4, 6]) - answer) ** 2))
    assert layer.sqnr_db == pytest.approx(10 * np.log10(56 / noise), rel=1e-12)
    assert (layer.saturated, layer.range_use) == (0.75, 1.0)
    assert layer.histogram_lsb == {0: 0.25, -1: 0.25, -8: 0.5}
    assert "min_max" in layer.remedy


def test_a_range_that_is_too_wide_is_named(tmp_path: Path) -> None:
    """Steps of 4: of 0, 2, 4 and 6 two are whole steps and two are ties."""
    found = compare_layers(net(tmp_path, middle_scale=None), net(tmp_path, middle_scale=4.0), {"x": INPUTS})
    layer = next(layer for layer in found.layers if layer.layer == "double/add")
    assert layer.saturated == 0
    assert layer.range_use <= 2 / 255
    assert "wider than the values" in layer.remedy
    assert found.layers[0].sqnr_db <= found.layers[1].sqnr_db


def test_layers_without_a_twin_are_said(tmp_path: Path) -> None:
    found = compare_layers(
        net(tmp_path, middle_scale=None), net(tmp_path, middle_scale=1 / 8, name="twice/add"), {"x": INPUTS}
    )
    assert found.unpaired == ("twice/add",)
    with pytest.raises(DataError, match="inputs are"):
        compare_layers(net(tmp_path, middle_scale=None), net(tmp_path, middle_scale=1 / 8), {"y": INPUTS})
