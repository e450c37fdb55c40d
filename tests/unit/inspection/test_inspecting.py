"""An inspection shows what the file holds, and is the same as JSON."""

from __future__ import annotations

import gzip
import io
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from qat_kit.errors import ModelFileError
from qat_kit.inspection import Inspection, as_html, inspect
from qat_kit.inspection.layout import lay_out
from qat_kit.litert.arena import PLANNED_TENSORS_AT_MOST
from qat_kit.screen import Screen, show_inspection
from tests.support.tflite import SHARED, Builder, int8_network, shared_files


def test_the_network_by_hand() -> None:
    network = int8_network()
    inspection = inspect(network)
    assert (inspection.size_bytes, inspection.num_tensors, len(inspection.graphs)) == (len(network), 13, 1)
    assert inspection.tensor_types == {"INT8": 9, "INT32": 4}
    assert inspection.operator_counts["CONV_2D"] == 1
    # int8 weights 4·3·3·2, 3·3·4 and 3·64; int32 biases 4, 4 and 3; the int32 shape of RESHAPE, 2.
    assert inspection.constant_bytes == 72 + 36 + 192 + 4 * (4 + 4 + 3 + 2)
    assert inspection.signatures == {"serving_default": {"inputs": ("pixels",), "outputs": ("softmax",)}}
    main = inspection.main
    entry, answer = main.tensors[main.inputs[0]], main.tensors[main.outputs[0]]
    assert (entry.shape, entry.type, entry.scale, entry.zero_point) == ((1, 4, 4, 2), "INT8", (2**-7,), (-128,))
    assert answer.name == "StatefulPartitionedCall:0"
    conv = main.operators[0]
    assert (conv.op, conv.version, conv.fused_activation, conv.constant_bytes) == ("CONV_2D", 3, "RELU", 72 + 16)
    kernel = main.tensors[conv.inputs[1]]
    assert (kernel.quantized_dimension, len(kernel.scale)) == (0, 4)
    # A position of 4·4, its channels, and what a product of each reads.
    assert [operator.macs for operator in main.operators] == [16 * 4 * 18, 16 * 4 * 9, 0, 3 * 64, 0]
    assert inspection.macs == 16 * 4 * 27 + 3 * 64
    assert inspection.gzip_bytes == len(gzip.compress(network, 6))
    # Both ends live throughout; beside them two results of a layer at a time, each at a multiple of 64 bytes.
    assert main.arena_bytes is not None
    assert 64 + 64 <= main.arena_bytes <= 5 * 64


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    inspection = inspect(int8_network())
    assert Inspection.load(inspection.save(tmp_path / "inspection.json")) == inspection


@pytest.mark.skipif(not shared_files(), reason="no real files: set QAT_KIT_SHARED to a folder of them")
def test_every_real_file_is_shown_as_json() -> None:
    expected = json.loads((SHARED / "MANIFEST.json").read_text(encoding="utf-8"))
    for path in shared_files():
        inspection = inspect(path)
        assert json.loads(inspection.model_dump_json())["sha256"] == inspection.sha256
        assert sum(inspection.tensor_types.values()) == inspection.num_tensors
        facts = expected[path.name]
        assert (inspection.size_bytes, inspection.num_operators) == (facts["bytes"], facts["operators"])
        assert inspection.operator_counts == {op.removeprefix("CUSTOM:"): n for op, n in facts["ops"].items()}
        assert "<svg" in as_html(inspection, name=path.name)


def test_a_damaged_file_is_refused() -> None:
    with pytest.raises(ModelFileError, match="cut off or damaged"):
        inspect(int8_network()[:-500])


HOSTILE_NAME = "</title></svg><script>alert(1)</script>\x1b[2J[bold]"


def test_a_name_cannot_become_markup() -> None:
    graph = Builder()
    x, y = (graph.tensor(HOSTILE_NAME, [1, 2], "INT8", scale=[0.5], zero_point=[0]) for _ in range(2))
    graph.op(HOSTILE_NAME, [x], [y], custom=True)
    inspection = inspect(graph.bytes([x], [y]))
    page = as_html(inspection, name=HOSTILE_NAME)
    assert "<script" not in page
    assert "\x1b" not in page
    assert "default-src 'none'" in page
    assert page.count("</svg>") == 1
    screen = Screen(file=io.StringIO(), width=200)
    show_inspection(screen, inspection)
    assert "\x1b" not in screen.file.getvalue()
    assert "[bold]" in screen.file.getvalue()


def test_every_operator_is_drawn_below_what_it_reads() -> None:
    inspection = inspect(int8_network())
    page = as_html(inspection, name="network")
    heights = [float(y) for y in re.findall(r"translate\([\d.]+ ([\d.]+)\)", page)]
    # The input, five operators one after the other, the output.
    assert len(heights) == 7
    assert heights == sorted(set(heights))
    assert all(f'href="#operator-0-{index}"' in page and f'id="operator-0-{index}"' in page for index in range(5))


def test_a_ring_and_a_crowd_are_no_trap() -> None:
    assert len(lay_out(3, [(0, 1), (1, 2), (2, 0), (1, 1)]).edges) == 2
    graph = Builder()
    tensors = [
        graph.tensor(str(index), [1], "INT8", scale=[1.0], zero_point=[0])
        for index in range(PLANNED_TENSORS_AT_MOST + 1)
    ]
    for before, after in pairwise(tensors):
        graph.op("RESHAPE", [before], [after])
    inspection = inspect(graph.bytes(tensors[:1], tensors[-1:]))
    assert inspection.main.arena_bytes is None
    page = as_html(inspection, name="long")
    assert "no picture" in page
    assert "<svg" not in page
