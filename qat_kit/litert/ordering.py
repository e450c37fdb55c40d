"""The order of a file's inputs and outputs: the converter puts them as it likes, an app may count on the model's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from qat_kit.litert.rewriting import rewritten


def in_order(content: bytes, *, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """The file with the inputs and outputs of its signature in the order of these names.

    The file as it is where they stand so already, or where its signature has other names.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    places = _places(model, inputs, outputs)
    if places is None:
        return content
    graph = model.subgraphs[0]
    if (list(graph.inputs), list(graph.outputs)) == places:
        return content

    def reorder(model: schema.ModelT) -> None:
        model.subgraphs[0].inputs, model.subgraphs[0].outputs = places

    return rewritten(content, reorder)


def _places(model: Any, inputs: Sequence[str], outputs: Sequence[str]) -> tuple[list[int], list[int]] | None:
    """The tensors of the names; None where the first graph's signature has others."""
    signature = next((each for each in model.signatureDefs or () if each.subgraphIndex == 0), None)
    if signature is None:
        return None
    known = tuple(
        {entry.name.decode(): entry.tensorIndex for entry in ends} for ends in (signature.inputs, signature.outputs)
    )
    if (set(known[0]), set(known[1])) != (set(inputs), set(outputs)):
        return None
    return [known[0][name] for name in inputs], [known[1][name] for name in outputs]
