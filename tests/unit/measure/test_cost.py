"""What a file costs, counted by hand; and a fresh process that says what it took."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from qat_kit.cli.keeping import write_benchmark
from qat_kit.errors import ModelCrashError
from qat_kit.litert.model_file import read_model
from qat_kit.measure.cost import file_cost
from qat_kit.measure.file import measure_file
from qat_kit.measure.memory import measure_memory
from qat_kit.measure.size import size_ledger
from qat_kit.results import BenchmarkResults, Latency, Memory, ModelMeasurement, benchmark_result
from tests.support import hostile
from tests.support.json_schema import faults
from tests.support.tflite import Builder, fully_connected, int8_network


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(int8_network())
    return path


def test_operators_by_hand(model: Path) -> None:
    """4×4 pixels of 2 channels; 4 filters of 3×3; 3×3 on each of 4; 64 → 3; softmax of 3."""
    cost = file_cost(model)
    assert [(operator.op, operator.macs, operator.parameters) for operator in cost.operators] == [
        ("CONV_2D", 16 * 4 * 18, 72 + 4),
        ("DEPTHWISE_CONV_2D", 16 * 4 * 9, 36 + 4),
        ("RESHAPE", 0, 0),
        ("FULLY_CONNECTED", 192, 192 + 3),
        ("SOFTMAX", 0, 0),
    ]
    assert (cost.macs, cost.parameters) == (1152 + 576 + 192, 311)
    assert [(operator.bytes_read, operator.bytes_written) for operator in cost.operators] == [
        (32 + 72 + 16, 64),
        (64 + 36 + 16, 64),
        (0, 0),
        (64 + 192 + 12, 3),
        (3, 3),
    ]
    assert cost.bytes_moved == 120 + 64 + 116 + 64 + 268 + 3 + 6


def test_energy_by_hand(model: Path) -> None:
    """0.3 pJ for 8-bit product and sum; 100 pJ for 8 bytes of a cache, 1.3 nJ of DRAM. In float, 4.6 pJ."""
    energy = file_cost(model).energy
    assert energy.compute_uj == pytest.approx(1920 * 0.3e-6)
    assert energy.sram_uj == pytest.approx(641 * 100 / 8 * 1e-6)
    assert energy.dram_uj == pytest.approx(641 * 1300 / 8 * 1e-6)
    assert energy.low_uj < energy.high_uj
    assert "45 nm" in energy.source
    graph = Builder()
    x, y = (graph.tensor(name, [1, size], "FLOAT32") for name, size in (("x", 4), ("y", 2)))
    w = graph.tensor("w", [2, 4], "FLOAT32", data=np.ones((2, 4), np.float32))
    graph.op("FULLY_CONNECTED", [x, w], [y])
    model.write_bytes(graph.bytes([x], [y]))
    assert file_cost(model).energy.compute_uj == pytest.approx(8 * 4.6e-6)


def test_the_ledger_adds_up(model: Path) -> None:
    ledger = file_cost(model).size
    assert ledger.size_bytes == model.stat().st_size
    assert ledger.overhead_bytes + sum(tensor.stored_bytes for tensor in ledger.tensors) == ledger.size_bytes
    assert ledger.num_weights == 72 + 36 + 192
    assert ledger.bits_per_weight == 8.0
    assert [tensor.stored_bytes for tensor in ledger.tensors[:2]] == [192, 72]


def test_zeros_and_few_values_save_nothing_in_the_file() -> None:
    random = np.random.default_rng(0)
    dense = random.integers(-127, 128, (64, 64), np.int8)
    pruned, few = np.where(random.random((64, 64)) < 0.7, 0, dense).astype(np.int8), dense % 8

    def ledger(codes: np.ndarray) -> object:
        data = fully_connected("INT8", codes, codes, [0.5])
        return size_ledger(read_model(data), data)

    plain, with_zeros, with_few = (ledger(codes) for codes in (dense, pruned, few))
    assert not plain.notes
    assert (
        "1 tensors of weights have 30% zeros or more: the file is no smaller for it (4,096 bytes)"
        in (with_zeros.notes[0])
    )
    assert "32 values or fewer" in with_few.notes[0]
    assert with_few.bits_per_weight == with_zeros.bits_per_weight == 8.0
    assert with_few.effective_bits_per_weight < with_zeros.effective_bits_per_weight < 5 < 8
    assert plain.effective_bits_per_weight > 7.9


def test_four_bits_take_four() -> None:
    packed = np.arange(8, dtype=np.uint8)
    data = fully_connected("INT4", np.zeros((4, 4)), packed, [0.5])
    ledger = size_ledger(read_model(data), data)
    assert (ledger.num_weights, ledger.bits_per_weight) == (16, 4.0)


def test_memory_of_a_fresh_process(model: Path) -> None:
    memory = measure_memory(model, kernel_set="reference")
    # The activations of two layers beside each other, and inputs and outputs for good; in blocks of 64 bytes.
    assert memory.arena_bytes is not None
    assert 128 <= memory.arena_bytes <= 512
    assert memory.init_kib <= memory.overall_kib < memory.peak_kib
    assert memory.peak_kib < 1 << 20
    model.write_bytes(hostile.without_bias())
    with pytest.raises(ModelCrashError, match="SIGSEGV"):
        measure_memory(model)


def latency(**changes: float) -> Latency:
    required = [name for name, field in Latency.model_fields.items() if field.is_required()]
    names = [name for name in required if name.endswith("_ms")]
    times = dict.fromkeys(names, 2.0) | changes
    return Latency(kernel_set="xnnpack", num_threads=2, num_runs=50, num_warm_up_runs=5, **times)


def test_the_shape_of_litert_s_benchmark() -> None:
    """Read by protobuf's own reader of JSON into messages with the fields of benchmark_result.proto."""
    from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

    model = ModelMeasurement(
        name="m", quality=None, size_bytes=1 << 21, latency=latency(p50_ms=1.5, init_ms=3.0, first_ms=4.0)
    )
    memory = Memory(arena_bytes=None, init_kib=10, overall_kib=20, peak_kib=2048)
    result = benchmark_result(model, memory)
    assert result.misc_metrics.model_throughput_in_mb_per_sec == 1000.0
    file = descriptor_pb2.FileDescriptorProto(name="b.proto", package="b", syntax="proto2")
    kinds = {"float": 2, "int64": 3, "int32": 5, "string": 9, "message": 11}
    fields = {
        "LatencyMetrics": "avg_ms min_ms max_ms stddev_ms median_ms p5_ms p95_ms init_ms first_inference_ms "
        "average_warm_up_ms",
        "MemoryMetrics": "init_footprint_kb:int64 overall_footprint_kb:int64 peak_mem_mb",
        "MiscMetrics": "model_size_mb num_runs:int32 num_warmup_runs:int32 model_throughput_in_mb_per_sec",
        "BenchmarkResult": "name:string latency_metrics:LatencyMetrics memory_metrics:MemoryMetrics "
        "misc_metrics:MiscMetrics",
    }
    for name, listed in fields.items():
        message = file.message_type.add(name=name)
        for number, (field, _, kind) in enumerate((part.partition(":") for part in listed.split()), 1):
            is_message = kind in fields
            message.field.add(
                name=field,
                number=number,
                label=1,
                type=kinds["message" if is_message else kind or "float"],
                type_name=f".b.{kind}" if is_message else None,
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    read = message_factory.GetMessageClass(pool.FindMessageTypeByName("b.BenchmarkResult"))()
    json_format.Parse(result.model_dump_json(exclude_none=True), read)
    assert read.latency_metrics.median_ms == 1.5
    assert read.memory_metrics.peak_mem_mb == 2.0
    assert read.misc_metrics.num_warmup_runs == 5
    assert read.name == "m xnnpack threads=2"


def test_the_published_schema_is_that_of_the_record() -> None:
    """`scripts/docs/schemas.py` writes it anew."""
    published = Path(__file__).parents[3] / "docs" / "benchmark_result.schema.json"
    assert json.loads(published.read_text(encoding="utf-8")) == BenchmarkResults.model_json_schema()


def test_what_is_written_is_as_the_published_schema_has_it(model: Path, tmp_path: Path) -> None:
    schema = json.loads((Path(__file__).parents[3] / "docs" / "benchmark_result.schema.json").read_text("utf-8"))
    path = tmp_path / "benchmark.json"
    write_benchmark(measure_file(model, num_runs=3), path)
    (written,) = json.loads(path.read_text(encoding="utf-8"))
    with_memory = benchmark_result(measure_file(model, num_runs=3).models[0], measure_memory(model))
    assert faults([written, with_memory.model_dump(mode="json")], schema) == []
    latency_ms = written["latency_metrics"]
    damaged = {
        "$[0]: unknown extra": {**written, "extra": 1},
        "$[0]: no name": {name: part for name, part in written.items() if name != "name"},
        "$[0].latency_metrics.avg_ms: no number": {**written, "latency_metrics": {**latency_ms, "avg_ms": "1"}},
        "$[0].memory_metrics: none fits": {**written, "memory_metrics": {"peak_mem_mb": 1.0}},
    }
    assert [faults([value], schema) for value in damaged.values()] == [[fault] for fault in damaged]
    assert faults(written, schema) == ["$: no array"]
