"""A measurement in the shape of LiteRT's own benchmark tool, for whatever reads that."""

from __future__ import annotations

import pydantic

from qat_kit.results.cost import Memory
from qat_kit.results.measurement import ModelMeasurement
from qat_kit.results.record import Record

_BYTES_PER_MB = 1 << 20


class LatencyMetrics(Record):
    """Wall time in ms."""

    avg_ms: float
    min_ms: float
    max_ms: float
    stddev_ms: float
    median_ms: float
    p5_ms: float
    p95_ms: float
    init_ms: float | None = None
    first_inference_ms: float | None = None
    average_warm_up_ms: float | None = None


class MemoryMetrics(Record):
    """What the process grew by, and its peak."""

    init_footprint_kb: int
    overall_footprint_kb: int
    peak_mem_mb: float


class MiscMetrics(Record):
    """The file and the runs."""

    model_size_mb: float
    num_runs: int
    num_warmup_runs: int
    model_throughput_in_mb_per_sec: float


class BenchmarkResult(Record):
    """One model, one configuration.

    Source: tensorflow/lite/tools/benchmark/proto/benchmark_result.proto, message BenchmarkResult. The field names are
    its own, so that `google.protobuf.json_format.Parse` reads the JSON into that message.
    """

    name: str
    latency_metrics: LatencyMetrics
    memory_metrics: MemoryMetrics | None = None
    misc_metrics: MiscMetrics


class BenchmarkResults(pydantic.RootModel[tuple[BenchmarkResult, ...]]):
    """Several of them, as they are written into one file."""


def benchmark_result(model: ModelMeasurement, memory: Memory | None = None) -> BenchmarkResult:
    """A model's measurement as LiteRT's benchmark tool would state it; what was not measured is left out."""
    latency, size_mb = model.latency, model.size_bytes / _BYTES_PER_MB
    return BenchmarkResult(
        name=f"{model.name} {latency.kernel_set} threads={latency.num_threads}",
        latency_metrics=LatencyMetrics(
            avg_ms=latency.mean_ms,
            min_ms=latency.min_ms,
            max_ms=latency.max_ms,
            stddev_ms=latency.std_ms,
            median_ms=latency.p50_ms,
            p5_ms=latency.p5_ms,
            p95_ms=latency.p95_ms,
            init_ms=latency.init_ms,
            first_inference_ms=latency.first_ms,
            average_warm_up_ms=latency.warm_up_mean_ms,
        ),
        memory_metrics=None
        if memory is None
        else MemoryMetrics(
            init_footprint_kb=memory.init_kib,
            overall_footprint_kb=memory.overall_kib,
            peak_mem_mb=memory.peak_kib / 1024,
        ),
        misc_metrics=MiscMetrics(
            model_size_mb=size_mb,
            num_runs=latency.num_runs,
            num_warmup_runs=latency.num_warm_up_runs,
            model_throughput_in_mb_per_sec=size_mb / latency.mean_ms * 1000,
        ),
    )
