"""Files of one op, run on LiteRT and on the simulator, code by code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels import simulate
from qat_kit.litert.interpreter import Interpreter, TensorDetail
from qat_kit.litert.model_file import read_model
from tests.support.tflite import Builder
from tests.support.tflite_micro import run_on_micro


def random_codes(random: np.random.Generator, dtype: Any, shape: Sequence[int]) -> NDArray[Any]:
    """Codes over the whole range of the type, one in eight of them at either end; reals for float types."""
    if np.dtype(dtype).kind == "f":
        return random.normal(0, 3, shape).astype(dtype)
    info = np.iinfo(dtype)
    codes = random.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)
    ends = random.choice(np.array([info.min, info.max], dtype), shape)
    return np.where(random.random(shape) < 0.125, ends, codes).astype(dtype)


def differences(
    data: bytes, kernel_set: str, random: np.random.Generator, inputs: Sequence[NDArray[Any]] | None = None
) -> tuple[int, int, str]:
    """(elements compared, elements that differ, where) between a runtime and the simulator, over all outputs of a file.

    kernel_set: LiteRT's, or "tflite_micro".
    """
    graph = read_model(data).subgraphs[0]
    if inputs is None:
        inputs = [random_codes(random, graph.tensors[i].type.lower(), graph.tensors[i].shape) for i in graph.inputs]
    simulated = simulate(graph, dict(zip(graph.inputs, inputs, strict=True)), kernel_set)
    results = run_on_micro(data, inputs) if kernel_set == "tflite_micro" else run_on_litert(data, kernel_set, inputs)
    compared, differing, where = 0, 0, ""
    for index, expected in zip(graph.outputs, results, strict=True):
        found, detail = simulated[index], graph.tensors[index]
        assert found.dtype == expected.dtype, (found.dtype, expected.dtype)
        assert found.shape == detail.shape, (found.shape, detail.shape)
        wrong = found.reshape(expected.shape) != expected
        compared += wrong.size
        differing += int(wrong.sum())
        if wrong.any():
            where += (
                f"{detail.name}: runtime {expected[wrong][:8]}, simulator {found.reshape(expected.shape)[wrong][:8]}; "
            )
    return compared, differing, where


def run_on_litert(data: bytes, kernel_set: str, inputs: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    """The outputs of one inference, in the file's order."""
    runtime = Interpreter(data, kernel_set=kernel_set)
    results = runtime.run({detail.name: array for detail, array in zip(runtime.inputs, inputs, strict=True)})
    return [results[detail.name] for detail in runtime.outputs]


def assert_every_tensor_equals(
    source: Path | bytes, kernel_set: str, *, num_inputs: int, seed: int = 0, num_threads: int = 1
) -> None:
    """Runs a file on LiteRT with random inputs; whatever an op wrote must be what the simulator has for it."""
    random = np.random.default_rng(seed)
    graph = read_model(source).subgraphs[0]
    runtime = Interpreter(source, kernel_set=kernel_set, preserve_all_tensors=True, num_threads=num_threads)
    for _ in range(num_inputs):
        inputs = {detail.index: _drawn_input(random, detail) for detail in runtime.inputs}
        runtime.run({detail.name: inputs[detail.index] for detail in runtime.inputs})
        simulated = simulate(graph, inputs, kernel_set)
        for operator in graph.operators:
            for index in operator.outputs:
                expected = runtime.tensor(index)
                differing = int((simulated[index].reshape(expected.shape) != expected).sum())
                assert differing == 0, (
                    f"{differing} of {expected.size} differ behind {operator.op} #{operator.index} on {kernel_set}"
                )


def _drawn_input(random: np.random.Generator, detail: TensorDetail) -> NDArray[Any]:
    # Wide integers without a scale are indices: 0 and 1 are in range wherever anything is.
    if detail.dtype.itemsize > 2 and detail.dtype.kind == "i" and not detail.scale.size:
        return random.integers(0, 2, detail.shape).astype(detail.dtype)
    return random_codes(random, detail.dtype, detail.shape)


class Draw(NamedTuple):
    """A file, what it is in words, and the inputs to run it on where random codes would not do."""

    data: bytes
    words: str
    inputs: list[NDArray[Any]] | None = None


def aimed_scale(random: np.random.Generator, real: float) -> float:
    """An output scale under which a result of `real` lies within a rounding of a tie."""
    return float(np.float32(abs(real) / (int(random.integers(0, 100)) + 0.5)))


def assert_bit_equal(
    make: Callable[[np.random.Generator], tuple[Any, ...]],
    kernel_set: str,
    *,
    num_elements: int = 100_000,
    num_files: int = 20,
    seed: int = 0,
) -> None:
    """Draws files until `num_elements` outputs have been compared, and `num_files` files; not one code may differ.

    make: draws what `Draw` holds.
    """
    random = np.random.default_rng(seed)
    total = count = 0
    while total < num_elements or count < num_files:
        drawn = Draw(*make(random))
        compared, differing, where = differences(drawn.data, kernel_set, random, drawn.inputs)
        assert differing == 0, f"{differing} of {compared} differ on {kernel_set} for {drawn.words}. {where}"
        total += compared
        count += 1


ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")


class WeightedOp:
    """Draws the operands of a weighted op into a graph, with an output scale that spreads the codes over their range.

    kind: "INT8", or "INT16" for 16 × 8. wide: biases of 64 bits, rather than 32, beside 16-bit activations.
    """

    def __init__(self, random: np.random.Generator, kind: str = "INT8", *, wide: bool = True) -> None:
        self.random, self.kind, self.wide, self.graph = random, kind, wide and kind == "INT16", Builder()
        # Powers of two throughout make exact ties, which tell the ways of rounding apart.
        self.ties = bool(random.random() < 0.5)
        self.input_scale = self.scale(random.uniform(1e-3, 0.1))

    def scale(self, near: float) -> float:
        return float(2.0 ** np.round(np.log2(near)) if self.ties else np.float32(near))

    def zero_point(self) -> int:
        if self.kind == "INT16":
            return 0
        return int(self.random.choice([-128, 0, 127, int(self.random.integers(-128, 128))]))

    def input(self, shape: Sequence[int]) -> int:
        zero_point = self.zero_point()
        return self.graph.tensor("x", shape, self.kind, scale=[self.input_scale], zero_point=[zero_point])

    def weights(self, shape: Sequence[int], axis: int, *, per_channel: bool = True, kind: str = "INT8") -> int:
        count = shape[axis] if per_channel else 1
        self.scales = np.float32([self.scale(0.01 * 2.0 ** self.random.uniform(-3, 0)) for _ in range(count)])
        zeros = [0] * count
        if kind == "INT4":
            # Two codes a byte: any byte will do.
            codes = self.random.integers(-128, 128, -(-int(np.prod(shape)) // 2)).astype(np.int8)
            self.scales *= 16
        else:
            codes = self.random.integers(-127, 128, shape).astype(np.int8)
        return self.graph.tensor("w", shape, kind, scale=self.scales, zero_point=zeros, axis=axis, data=codes)

    def bias(self, channels: int) -> int:
        dtype = np.int64 if self.wide else np.int32
        codes = self.random.integers(-20_000, 20_000, channels).astype(dtype)
        scale = self.scales * np.float32(self.input_scale)
        # XNNPACK leaves an operator whose bias states no scale; LiteRT checks it where the weights have one scale.
        scale = scale[:0] if self.kind == "INT8" and len(scale) > 1 and self.random.random() < 0.1 else scale
        kind, zeros = dtype.__name__.upper(), [0] * len(scale)
        return self.graph.tensor("b", [channels], kind, scale=scale, zero_point=zeros, data=codes)

    def output(self, shape: Sequence[int], depth: int) -> int:
        """depth: products in a sum."""
        spread = np.sqrt(depth) * 74 * (18_900 if self.kind == "INT16" else 90) * self.input_scale * 0.006
        reach = (15_000 if self.kind == "INT16" else 60) * self.random.uniform(0.3, 2)
        return self.graph.tensor(
            "y", shape, self.kind, scale=[self.scale(spread / reach)], zero_point=[self.zero_point()]
        )

    def activation(self) -> str:
        return str(self.random.choice(ACTIVATIONS))


def window_output(size: int, taps: int, stride: int, dilation: int, *, same: bool) -> int:
    """Windows along one dimension."""
    return -(-size // stride) if same else (size - (taps - 1) * dilation - 1) // stride + 1
