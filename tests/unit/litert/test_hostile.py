"""A hostile file is refused with words: no crash, no hang, and no more memory than `read_model` states."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from qat_kit.errors import ModelFileError
from qat_kit.litert.model_file import read_model
from tests.support import hostile
from tests.support.fuzz import RUN_SECONDS_AT_MOST, fuzz, read_all, run_all
from tests.support.tflite import Builder, changed, int8_network


def _shaped(shape: list[int]) -> bytes:
    graph = Builder()
    x = graph.tensor("x", shape, "INT8", scale=[1.0], zero_point=[0])
    return graph.bytes([x], [x])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (hostile.calling(0), r"subgraphs\[0\] calls itself"),
        (hostile.calling(1, 2, 0), r"subgraphs\[0\] calls itself"),
        (hostile.calling(1, 2, 1), r"subgraphs\[1\] calls itself"),
        (hostile.calling(1, 9), r"\(CALL\) calls subgraph 9, and there are 3"),
        (_shaped([2**31 - 1] * 2), "no memory holds"),
        (_shaped([1] * 65), "has 65 dimensions; at most 64"),
    ],
    ids=["itself", "in a ring", "further on", "nobody", "absurd", "rank"],
)
def test_what_no_file_may_say(data: bytes, message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        read_model(data)


def test_what_may_be_said() -> None:
    """Calls without a ring, two of one subgraph among them, and a large tensor without values."""
    assert len(read_model(hostile.calling(2, 2)).subgraphs) == 3
    assert len(read_model(hostile.endless_loop()).subgraphs) == 3
    assert read_model(_shaped([1 << 30, 1 << 30])).subgraphs[0].tensors[0].shape == (1 << 30, 1 << 30)


def _many_shared(model: schema.ModelT) -> None:
    model.subgraphs[0].tensors += [model.subgraphs[0].tensors[1]] * 300


def test_a_buffer_may_be_shared_by_many_tensors() -> None:
    assert len(read_model(changed(int8_network(), _many_shared)).subgraphs[0].tensors) == 313


def peak_of_reading(data: bytes) -> int:
    """Bytes of memory that were taken at once."""
    tracemalloc.start()
    try:
        read_model(data)
    except ModelFileError as error:
        assert "names more" in str(error)  # noqa: PT017  # it may also be read
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return peak


@pytest.mark.parametrize(
    "data",
    [
        hostile.one_tensor_many_times(10_000, name="x" * 10_000),
        hostile.one_tensor_many_times(10_000, scales=10_000),
        hostile.one_tensor_many_times(50_000),
        hostile.one_list_of_operators_many_times(100, 1000, 1),
        hostile.one_list_of_operators_many_times(1, 1000, 10_000),
        hostile.one_buffer_in_many(2000, 100_000),
    ],
    ids=["names", "scales", "tensors", "operators", "options", "buffers"],
)
def test_the_same_bytes_named_again_and_again_are_refused(data: bytes) -> None:
    with pytest.raises(ModelFileError, match="names more entries than its"):
        read_model(data)
    assert peak_of_reading(data) < (64 << 20) + 512 * len(data)


def test_tables_of_the_most_fields_stay_within_the_bound() -> None:
    data = hostile.wide_tables(2000)
    assert peak_of_reading(data) < (64 << 20) + 512 * len(data)


def test_two_thousand_damaged_files_are_read_or_refused() -> None:
    """`scripts/fuzz` reads a hundred thousand."""
    tally = fuzz(read_all, 2000)
    assert not tally.failures, tally.failures[0][0]
    assert tally.read > 200
    assert tally.refused > 1000


def test_the_fuzzer_sees_what_is_wrong() -> None:
    def faulty(data: bytes) -> None:
        read_model(data)
        _ = np.zeros(3)[len(data)]

    tally = fuzz(faulty, 20)
    assert tally.failures
    assert "IndexError" in tally.failures[0][0]


@pytest.mark.slow
def test_damaged_files_that_can_be_read_are_run_and_simulated_without_harm() -> None:
    """Whatever they do, they do in children with limits: there is a certificate, or a refusal."""
    tally = fuzz(run_all, 150, seed=3, seconds=RUN_SECONDS_AT_MOST)
    assert not tally.failures, tally.failures[0][0]
    assert tally.read > 15


def test_a_few_damaged_files_are_run() -> None:
    tally = fuzz(run_all, 8, seed=5, seconds=RUN_SECONDS_AT_MOST)
    assert not tally.failures, tally.failures[0][0]
    assert tally.read >= 1
