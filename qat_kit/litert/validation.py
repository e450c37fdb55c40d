"""What a file must not say of itself, though each of its entries can be read."""

from __future__ import annotations

from collections.abc import Iterable

from qat_kit.errors import ModelFileError
from qat_kit.litert.records import TYPE_BITS, Operator, Subgraph, Tensor

# NumPy's own limit.
_RANK_AT_MOST = 64
_ELEMENTS_AT_MOST = 1 << 60

_CALLING_OPS = frozenset({"CALL", "CALL_ONCE", "IF", "WHILE", "STABLEHLO_CASE", "STABLEHLO_WHILE"})


def check_tensor(tensor: Tensor, what: str) -> None:
    """Raises ModelFileError for an impossible shape, and for values that do not fill it.

    So they can be decoded later without a doubt, and sizes can be computed in 64 bits.
    """
    if len(tensor.shape) > _RANK_AT_MOST:
        raise ModelFileError(f"{what} has {len(tensor.shape)} dimensions; at most {_RANK_AT_MOST} can be")
    if min(tensor.shape, default=0) < 0:
        raise ModelFileError(f"{what} has the shape {list(tensor.shape)}; lengths cannot be negative")
    count = 1
    for length in tensor.shape:
        count *= length
    if count > _ELEMENTS_AT_MOST:
        raise ModelFileError(f"{what} has the shape {list(tensor.shape)}, which no memory holds")
    bits = TYPE_BITS.get(tensor.type)
    if not tensor.is_constant or bits is None:
        return
    if tensor.is_sparse:
        if tensor.num_constant_bytes % max(bits // 8, 1):
            raise ModelFileError(f"{what} has {tensor.num_constant_bytes} bytes, which are no whole {tensor.type}")
        return
    expected = -(-count * bits // 8)
    if tensor.num_constant_bytes != expected:
        raise ModelFileError(
            f"{what} ({tensor.name!r}, {tensor.type} {list(tensor.shape)}) needs {expected} bytes of data, "
            f"found {tensor.num_constant_bytes}"
        )


def check_calls(graphs: tuple[Subgraph, ...]) -> None:
    """Raises ModelFileError where a subgraph calls one that is not there, or itself by way of whatever others."""
    called = {graph.index: _called(graph, len(graphs)) for graph in graphs}
    done: set[int] = set()
    for start in called:
        # A walk without recursion: a chain of calls may be as long as the file allows.
        path: dict[int, Iterable[int]] = {}
        current: int | None = start
        while current is not None:
            if current not in path:
                path[current] = iter(called[current])
            following = next((index for index in path[current] if index not in done), None)
            if following is not None and following in path:
                raise ModelFileError(f"subgraphs[{following}] calls itself, and would never come to an end")
            if following is None:
                done.add(current)
                del path[current]
                following = next(reversed(path), None)
            current = following


def _called(graph: Subgraph, count: int) -> list[int]:
    found: dict[int, None] = {}
    for operator in graph.operators:
        if operator.op in _CALLING_OPS and not operator.is_custom:
            for index in _named(operator):
                if not 0 <= index < count:
                    raise ModelFileError(
                        f"subgraphs[{graph.index}].operators[{operator.index}] ({operator.op}) calls subgraph {index}, "
                        f"and there are {count}"
                    )
                found[index] = None
    return list(found)


def _named(operator: Operator) -> list[int]:
    values = [value for name, value in operator.options.items() if "subgraph" in name]
    return [index for value in values for index in (value if isinstance(value, list) else [value]) if index is not None]
