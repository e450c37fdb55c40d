"""What is in files: one, the difference of two, the smallest mismatch of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from qat_kit.report.text import printable
from qat_kit.screen.console import table_of

if TYPE_CHECKING:
    from qat_kit.inspection import Difference, InspectedTensor, Inspection
    from qat_kit.inspection.reproduction import Reproduction


def show_inspection(console: Console, inspection: Inspection) -> None:
    """Operators with the shape, type and parameters of what they make; totals."""
    table = table_of("#", "operator", "output", "type", "scale", "zero point", "MACs", "constants")
    for graph in inspection.graphs:
        for operator in graph.operators:
            activation = "" if operator.fused_activation == "NONE" else f" + {operator.fused_activation}"
            output = graph.result(operator)
            place = str(operator.index) if len(inspection.graphs) == 1 else f"{graph.index}.{operator.index}"
            table.add_row(
                place,
                Text(printable(f"{operator.op} v{operator.version}{activation}")),
                *(("", "", "", "") if output is None else _tensor_cells(output)),
                f"{operator.macs:,}",
                f"{operator.constant_bytes:,} B",
            )
    console.print(table)
    main = inspection.main
    for title, indices in (("input", main.inputs), ("output", main.outputs)):
        for index in indices:
            tensor = main.tensors[index]
            shape, kind, scale, zero_point = _tensor_cells(tensor)
            line = f"{title} {printable(tensor.name)}: {kind} {shape}, scale {scale}, zero point {zero_point}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    types = ", ".join(f"{count} {kind}" for kind, count in inspection.tensor_types.items())
    arena = "" if main.arena_bytes is None else f"{main.arena_bytes:,} bytes of activations in memory, "
    lines = [
        f"{inspection.size_bytes:,} bytes ({inspection.gzip_bytes:,} with gzip)",
        f"{inspection.num_tensors} tensors ({types})",
        f"{arena}{inspection.macs:,} multiply-accumulates",
        f"metadata: {', '.join(inspection.metadata)}" if inspection.metadata else "",
        *(f"  {line}" for line in (inspection.described.lines if inspection.described else ())),
        inspection.undescribed or "",
    ]
    for line in filter(None, lines):
        console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def show_difference(console: Console, difference: Difference) -> None:
    """One change a line; sizes at the end."""
    (old, new), (few, many) = difference.size_bytes, difference.num_operators
    lines = [change.line for change in difference.changes]
    if not lines:
        lines = ["the files are the same" if difference.identical else "no difference but in names and order of bytes"]
    for line in (*lines, f"{old:,} → {new:,} bytes, {few} → {many} operators, {len(difference.changes)} changes"):
        console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def show_reproduction(console: Console, reproduction: Reproduction) -> None:
    """Each operator that shows a mismatch, the smallest first, with the codes of one element."""
    for case in reproduction.mismatches:
        values = ", ".join(f"{kernel_set} {value:g}" for kernel_set, value in case.values.items())
        line = f"operator {case.index} {case.op} ({case.size_bytes:,} bytes)"
        if case.num_differing:
            line += f": {case.num_differing:,} of {case.num_elements:,} differ, by {case.largest:g} at most; "
            line += f"element {case.position[0]}: {values}"
        for kernel_set, reason in case.failures.items():
            line += f"\n    {kernel_set}: {reason}"
        console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
    count, skipped = len(reproduction.mismatches), len(reproduction.skipped)
    last = f"{count} of {reproduction.num_operators} operators differ between kernel sets; {skipped} were not run alone"
    console.print(last, highlight=False, soft_wrap=True)


def _tensor_cells(tensor: InspectedTensor) -> tuple[str, str, str, str]:
    """Shape, type, scale and zero point; of several scales, how many."""
    shape = "×".join(str(size) for size in tensor.shape) or "scalar"
    if len(tensor.scale) > 1:
        return shape, tensor.type, f"{len(tensor.scale)} scales", "0"
    scale = f"{tensor.scale[0]:.6g}" if tensor.scale else "–"
    return shape, tensor.type, scale, str(tensor.zero_point[0]) if tensor.zero_point else "–"
