"""One operator of a file as a file of its own: `OperatorCutter`. `python -m qat_kit.litert.cutting` is its child.

The generated object API writes what our own reader cannot, and trusts the file: so it works in a child with limits.
"""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from qat_kit.litert.child import Child, Limits
from qat_kit.litert.messages import Arrays
from qat_kit.litert.serve import Handler, serve


class OperatorCutter:
    """Cuts operators out of the first graph of a file that `read_model` has taken; ends with `close`."""

    def __init__(self, data: bytes, *, limits: Limits) -> None:
        self._child = Child(__name__, what="cutting an operator out of the model", limits=limits)
        self._child.ask({}, {"content": np.frombuffer(data, np.uint8)})

    def cut(self, operator: int) -> bytes:
        """A file of one operator: its constants are within, its other operands and its results are the ends.

        Tensors keep their order in the operator; those that it names twice stand once.
        """
        _, found = self._child.ask({"operator": operator})
        return bytes(found["content"].tobytes())

    def close(self) -> None:
        self._child.close()


def _open() -> Handler:
    model: Any = None

    def answer(question: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        nonlocal model
        if model is None:
            model = schema.ModelT.InitFromPackedBuf(arrays["content"].tobytes(), 0)
            return {}, {}
        return {}, {"content": np.frombuffer(_cut(model, question["operator"]), np.uint8)}

    return answer


def _cut(model: Any, index: int) -> bytes:
    graph = model.subgraphs[0]
    original = graph.operators[index]
    kept = list(dict.fromkeys(int(i) for i in (*original.inputs, *original.outputs) if i >= 0))
    place = {old: new for new, old in enumerate(kept)} | {-1: -1}
    single, part, operator = schema.ModelT(), schema.SubGraphT(), schema.OperatorT()
    vars(operator).update(vars(original))
    operator.opcodeIndex = 0
    operator.inputs, operator.outputs = ([place[int(i)] for i in ends] for ends in (original.inputs, original.outputs))
    operator.intermediates = None
    single.version, single.description = model.version, f"operator {index} of a larger model"
    single.operatorCodes, single.subgraphs = [model.operatorCodes[original.opcodeIndex]], [part]
    single.buffers, part.tensors, part.operators = [schema.BufferT()], [], [operator]
    for old in kept:
        tensor = schema.TensorT()
        vars(tensor).update(vars(graph.tensors[old]))
        buffer = model.buffers[tensor.buffer]
        tensor.buffer = 0
        if buffer.data is not None and len(buffer.data):
            single.buffers.append(buffer)
            tensor.buffer = len(single.buffers) - 1
        part.tensors.append(tensor)
    made = set(operator.outputs)
    part.inputs = [i for i, tensor in enumerate(part.tensors) if not tensor.buffer and i not in made]
    part.outputs = sorted(made - {-1})
    builder = flatbuffers.Builder(1024)
    builder.Finish(single.Pack(builder), b"TFL3")
    return bytes(builder.Output())


if __name__ == "__main__":
    serve(_open)
