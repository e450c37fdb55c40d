"""What distinguishes two files, operator by operator: `compare_files`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pydantic

from qat_kit.files import read_bytes
from qat_kit.inspection.stated import archive_changes, stated_changes
from qat_kit.litert.model_file import read_model
from qat_kit.litert.records import FLOAT_TYPES, ModelFile, Operator, Subgraph, Tensor
from qat_kit.results import Record

# The search for the longest common part takes time that grows with the square of the number.
_ALIGNED_AT_MOST = 3000
# Of a text; JSON has all of it.
_SHOWN_AT_MOST = 160


class Change(Record):
    """One difference. where: the operator, as it stands in each file, or the file itself, or what it says of itself.

    what: "operator removed", "operator added", "version", "activation", "option …", "shape of …", "type of …",
    "scale of …", "zero point of …", "values of …", "inputs", "outputs"; of "signature", "attachment", "metadata" and
    "archive" the entry. before, after: None where there is none.
    """

    where: str
    what: str
    before: pydantic.JsonValue = None
    after: pydantic.JsonValue = None

    @property
    def line(self) -> str:
        """The difference for people."""
        if self.before is None and self.after is None:
            return f"{self.where}: {self.what}"
        if self.before is None and self.what.startswith("values of"):
            return f"{self.where}: {self.what}: {_short(self.after)}"
        return f"{self.where}: {self.what}: {_short(self.before)} → {_short(self.after)}"


class Difference(Record):
    """All that distinguishes two files. identical: the bytes are the same."""

    format_version: Literal[1] = 1
    sha256: tuple[str, str]
    size_bytes: tuple[int, int]
    num_operators: tuple[int, int]
    changes: tuple[Change, ...]

    @property
    def identical(self) -> bool:
        return self.sha256[0] == self.sha256[1]


def compare_files(before: Path | str | bytes, after: Path | str | bytes) -> Difference:
    """Pairs the operators of two files by what they are and in their order, and lists what changed, metadata last.

    Names of tensors are not compared: each conversion makes up its own; those of signatures are. Raises ModelFileError
    for a file that cannot be read.
    """
    models = read_model(before), read_model(after)
    contents = [source if isinstance(source, bytes) else read_bytes(Path(source)) for source in (before, after)]
    stated = (*stated_changes(*models), *archive_changes(*contents))
    sizes = [sum(len(graph.operators) for graph in model.subgraphs) for model in models]
    return Difference(
        sha256=(models[0].sha256, models[1].sha256),
        size_bytes=(models[0].size_bytes, models[1].size_bytes),
        num_operators=(sizes[0], sizes[1]),
        changes=(
            *_changes(*models),
            *(Change(where=where, what=what, before=old, after=new) for where, what, old, new in stated),
        ),
    )


def _changes(before: ModelFile, after: ModelFile) -> Iterator[Change]:
    if len(before.subgraphs) != len(after.subgraphs):
        yield Change(where="file", what="subgraphs", before=len(before.subgraphs), after=len(after.subgraphs))
    for mine, theirs in zip(before.subgraphs, after.subgraphs, strict=False):
        graph = f"subgraph {mine.index} " if len(before.subgraphs) > 1 else ""
        for what in ("inputs", "outputs"):
            ends = [
                [f"{each.tensors[index].type} {list(each.tensors[index].shape)}" for index in getattr(each, what)]
                for each in (mine, theirs)
            ]
            if ends[0] != ends[1]:
                yield Change(where=f"{graph or 'file'}".strip(), what=what, before=[*ends[0]], after=[*ends[1]])
        seen: set[tuple[int, int]] = set()
        for left, right in _pairs(mine.operators, theirs.operators):
            if left is None or right is None:
                present = left or right
                what = "operator added" if left is None else "operator removed"
                if present is not None:
                    yield Change(where=f"{graph}{present.index} {present.op}", what=what)
            else:
                moved = "" if left.index == right.index else f"→{right.index}"
                yield from _of_pair(f"{graph}{left.index}{moved} {left.op}", mine, left, theirs, right, seen)


def _pairs(before: Sequence[Operator], after: Sequence[Operator]) -> Iterator[tuple[Operator | None, Operator | None]]:
    """Operators that are the same step; None where the other file has none."""
    names = [operator.op for operator in before], [operator.op for operator in after]
    if max(map(len, names)) > _ALIGNED_AT_MOST:
        blocks = [(i, i, 1) for i, (a, b) in enumerate(zip(*names, strict=False)) if a == b]
    else:
        matcher = SequenceMatcher(None, *names, autojunk=False)
        blocks = [(block.a, block.b, block.size) for block in matcher.get_matching_blocks()]
    left = right = 0
    for start, other, length in (*blocks, (len(before), len(after), 0)):
        yield from ((operator, None) for operator in before[left:start])
        yield from ((None, operator) for operator in after[right:other])
        yield from zip(before[start : start + length], after[other : other + length], strict=True)
        left, right = start + length, other + length


def _of_pair(
    where: str, mine: Subgraph, left: Operator, theirs: Subgraph, right: Operator, seen: set[tuple[int, int]]
) -> Iterator[Change]:
    if left.version != right.version:
        yield Change(where=where, what="version", before=left.version, after=right.version)
    for name in sorted({*left.options, *right.options}):
        values = left.options.get(name), right.options.get(name)
        if values[0] != values[1]:
            what = "activation" if name == "fused_activation_function" else f"option {name}"
            yield Change(where=where, what=what, before=values[0], after=values[1])
    for what in ("inputs", "outputs"):
        indices = getattr(left, what), getattr(right, what)
        if len(indices[0]) != len(indices[1]):
            yield Change(where=where, what=f"number of {what}", before=len(indices[0]), after=len(indices[1]))
        for position, (a, b) in enumerate(zip(*indices, strict=False)):
            called = f"{what.removesuffix('s')} {position}"
            if (a < 0) != (b < 0):
                yield Change(where=where, what=called, before=_presence(a), after=_presence(b))
            elif a >= 0 and (a, b) not in seen:
                # A tensor is compared where it is first met: what one operator makes, the next one reads.
                seen.add((a, b))
                yield from _of_tensors(where, called, mine.tensors[a], theirs.tensors[b])


def _presence(index: int) -> str:
    return "left out" if index < 0 else "given"


def _of_tensors(where: str, called: str, a: Tensor, b: Tensor) -> Iterator[Change]:
    facts: tuple[tuple[str, Any, Any], ...] = (
        ("shape", list(a.shape), list(b.shape)),
        ("type", a.type, b.type),
        ("scale", a.scale.tolist(), b.scale.tolist()),
        ("zero point", a.zero_point.tolist(), b.zero_point.tolist()),
    )
    for what, before, after in facts:
        if before != after:
            yield Change(where=where, what=f"{what} of {called}", before=before, after=after)
    if a.is_constant != b.is_constant:
        words = [("constant" if tensor.is_constant else "computed") for tensor in (a, b)]
        yield Change(where=where, what=f"values of {called}", before=words[0], after=words[1])
    elif a.data is None or b.data is None or (a.type, a.shape) != (b.type, b.shape):
        return
    elif a.data.tobytes() != b.data.tobytes():
        yield Change(where=where, what=f"values of {called}", after=_spread(a.data, b.data, a.type))


def _spread(a: Any, b: Any, kind: str) -> str:
    if a.shape != b.shape or a.dtype.kind not in "iuf" or a.size == 0:
        return "other values"
    differing = int(np.count_nonzero(a != b))
    with np.errstate(invalid="ignore", over="ignore"):
        largest = float(np.max(np.abs(b.astype(np.float64) - a.astype(np.float64))))
    unit = "" if kind in FLOAT_TYPES else " steps"
    return f"{differing:,} of {a.size:,} differ, by {largest:.6g}{unit} at most"


def _short(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, str):
        return value if len(value) <= _SHOWN_AT_MOST else f"{value[:_SHOWN_AT_MOST]}…"
    if isinstance(value, list) and len(value) > 6:
        return f"[{', '.join(_short(entry) for entry in value[:3])}, … {len(value)} in all]"
    if isinstance(value, list):
        return f"[{', '.join(_short(entry) for entry in value)}]"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
