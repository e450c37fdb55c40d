"""UNIDIRECTIONAL_SEQUENCE_LSTM against LiteRT, from an empty state."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from qat_kit.errors import NotSimulatedError
from qat_kit.kernels import simulate
from qat_kit.litert.model_file import read_model
from tests.support.kernels import assert_bit_equal
from tests.support.tflite import Builder


def lstm(random, *, coupled=False):
    batch, steps, features, units = (int(random.integers(1, high)) for high in (60, 7, 30, 60))
    time_major, clip = bool(random.random() < 0.5), float(random.choice([0.0, 0.0, 3.0]))
    graph = Builder()

    def scale(near):
        return float(2.0 ** np.round(np.log2(near)) if random.random() < 0.3 else np.float32(near))

    x_zero, y_zero = (int(zero) for zero in random.integers(-128, 128, 2))
    x_scale, y_scale = scale(random.uniform(0.005, 0.05)), scale(random.uniform(0.004, 0.02))
    shape = (steps, batch) if time_major else (batch, steps)
    x = graph.tensor("x", [*shape, features], "INT8", scale=[x_scale], zero_point=[x_zero])

    def weights(name, depth):
        codes = random.integers(-127, 128, (units, depth)).astype(np.int8)
        # So that gates reach beyond what 16 bits hold now and then.
        near = random.uniform(0.3, 3) / 74 / np.sqrt(depth)
        return graph.tensor(name, codes.shape, "INT8", scale=[scale(near)], zero_point=[0], data=codes)

    kernels = [weights(f"w{gate}", features) for gate in range(4)]
    recurrent = [weights(f"r{gate}", units) for gate in range(4)]
    biases = [
        graph.tensor(f"b{gate}", [units], "INT32", data=random.integers(-3000, 3000, units).astype(np.int32))
        for gate in range(4)
    ]
    state = graph.tensor("h", [batch, units], "INT8", scale=[y_scale], zero_point=[y_zero])
    cell = graph.tensor("c", [batch, units], "INT16", scale=[2.0 ** -int(random.integers(11, 14))], zero_point=[0])
    for index in (state, cell):
        graph.graph.tensors[index].isVariable = True
    y = graph.tensor("y", [*shape, units], "INT8", scale=[y_scale], zero_point=[y_zero])
    names = [graph.tensor(f"i{gate}", [], "FLOAT32") for gate in range(4)]
    hidden = graph.tensor("hidden", [], "INT8", scale=[y_scale], zero_point=[y_zero])
    options = schema.UnidirectionalSequenceLSTMOptionsT()
    options.fusedActivationFunction = schema.ActivationFunctionType.TANH
    options.timeMajor, options.cellClip = time_major, clip
    if coupled:
        kernels[0] = recurrent[0] = biases[0] = -1
    operands = [x, *kernels, *recurrent, -1, -1, -1, *biases, -1, -1, state, cell, -1, -1, -1, -1]
    graph.op("UNIDIRECTIONAL_SEQUENCE_LSTM", operands, [y], options=options, version=2)
    graph.graph.operators[-1].intermediates = [*names, hidden]
    return graph.bytes([x], [y]), f"{shape} {features} {units} {time_major=} {clip=}"


@pytest.mark.parametrize("kernel_set", ["reference", "builtin", "xnnpack"])
def test_it_is_bit_equal(kernel_set):
    assert_bit_equal(lstm, kernel_set, num_files=40)


def test_a_coupled_input_gate_is_refused():
    data, _ = lstm(np.random.default_rng(0), coupled=True)
    graph = read_model(data).subgraphs[0]
    with pytest.raises(NotSimulatedError, match="a coupled input gate"):
        simulate(graph, {0: np.zeros(graph.tensors[0].shape, np.int8)}, "builtin")
