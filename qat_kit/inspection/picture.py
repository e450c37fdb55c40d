"""A graph as a picture: one box an operator, arrows where a tensor goes, as inline SVG."""

from __future__ import annotations

from itertools import pairwise

from qat_kit.inspection.layout import Place, lay_out
from qat_kit.inspection.records import InspectedGraph, InspectedOperator, InspectedTensor
from qat_kit.litert.records import FLOAT_TYPES
from qat_kit.report.html import Element, element

OPERATORS_AT_MOST = 1500
_EDGES_AT_MOST = 6000

_WIDTH, _HEIGHT = 168, 42
_ACROSS, _DOWN = 184, 66
_LETTERS = 25


def draw(graph: InspectedGraph) -> Element | None:
    """The picture; None where there are too many operators or edges for anybody to read it.

    Each box links to the row `operator-GRAPH-INDEX` of a table beside it.
    """
    makers = dict.fromkeys(graph.inputs, 0)
    boxes = [_end_box(f"{len(graph.inputs)} inputs", [graph.tensors[index] for index in graph.inputs])]
    edges: list[tuple[int, int]] = []
    for operator in graph.operators:
        number = len(boxes)
        edges += [(makers[index], number) for index in dict.fromkeys(operator.inputs) if index in makers]
        makers.update(dict.fromkeys((index for index in operator.outputs if index >= 0), number))
        boxes.append(_operator_box(graph, operator))
    edges += [(makers[index], len(boxes)) for index in dict.fromkeys(graph.outputs) if index in makers]
    boxes.append(_end_box(f"{len(graph.outputs)} outputs", [graph.tensors[index] for index in graph.outputs]))
    if len(graph.operators) > OPERATORS_AT_MOST or len(edges) > _EDGES_AT_MOST:
        return None
    layout = lay_out(len(boxes), edges)
    points = [place for line in layout.edges for place in line] + list(layout.places)
    left, right = min(place.column for place in points), max(place.column for place in points)
    width, height = (right - left + 1) * _ACROSS, (max(place.layer for place in layout.places) + 1) * _DOWN
    lines = [element("path", d=_path(line, left)) for line in layout.edges]
    for place, box in zip(layout.places, boxes, strict=True):
        x, y = _corner(place, left)
        box.set("transform", f"translate({x:.1f} {y:.1f})")
    return element(
        "svg",
        *lines,
        *boxes,
        xmlns="http://www.w3.org/2000/svg",
        width=f"{width:.0f}",
        height=f"{height:.0f}",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        role="img",
        aria_label=f"the graph {graph.name}: {len(graph.operators)} operators",
    )


def kind_of(tensor: InspectedTensor | None) -> str:
    """What a tensor's elements are: `integer` for quantized codes, `float`, or `other`."""
    if tensor is None:
        return "other"
    if tensor.type in FLOAT_TYPES:
        return "float"
    return "integer" if tensor.scale else "other"


def shape_of(tensor: InspectedTensor) -> str:
    """The lengths of a tensor's dimensions, as people write them."""
    return "×".join(str(length) for length in tensor.shape) or "scalar"


def _corner(place: Place, left: float) -> tuple[float, float]:
    return (place.column - left) * _ACROSS + (_ACROSS - _WIDTH) / 2, place.layer * _DOWN + (_DOWN - _HEIGHT) / 2


def _path(line: tuple[Place, ...], left: float) -> str:
    points = []
    for number, place in enumerate(line):
        x, y = _corner(place, left)
        x += _WIDTH / 2
        if number:
            points.append((x, y))
        if number < len(line) - 1:
            points.append((x, y + _HEIGHT))
    start = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    return start + "".join(
        f"C{a:.1f} {(b + d) / 2:.1f} {c:.1f} {(b + d) / 2:.1f} {c:.1f} {d:.1f}" for (a, b), (c, d) in pairwise(points)
    )


def _operator_box(graph: InspectedGraph, operator: InspectedOperator) -> Element:
    result = graph.result(operator)
    activation = "" if operator.fused_activation == "NONE" else f" + {operator.fused_activation}"
    under = "" if result is None else f"{shape_of(result)} {result.type}"
    details = [f"{operator.index} {operator.op} v{operator.version}{activation}", under]
    details += [] if result is None else [result.name, *_parameters(result)]
    details += [f"{operator.macs:,} MACs, {operator.constant_bytes:,} bytes of constants"]
    box = _box(f"{operator.op}{activation}", under, details, kind_of(result))
    return element("g", element("a", *box, href=f"#operator-{graph.index}-{operator.index}"))


def _end_box(title: str, tensors: list[InspectedTensor]) -> Element:
    one = tensors[0] if len(tensors) == 1 else None
    under = "" if one is None else f"{shape_of(one)} {one.type}"
    details = [line for tensor in tensors[:20] for line in (f"{tensor.name} {tensor.type}", *_parameters(tensor))]
    return element("g", *_box(title.removeprefix("1 ").rstrip("s") if one else title, under, details, "end"))


def _parameters(tensor: InspectedTensor) -> list[str]:
    if not tensor.scale:
        return []
    one = f"scale {tensor.scale[0]:.6g}, zero point {tensor.zero_point[0]}"
    return [one if len(tensor.scale) == 1 else f"{len(tensor.scale)} scales"]


def _box(title: str, under: str, details: list[str], kind: str) -> list[Element]:
    middle = _WIDTH / 2
    return [
        element("title", "\n".join(line for line in details if line)),
        element("rect", width=_WIDTH, height=_HEIGHT, rx=5, class_=kind),
        element("text", _cut(title), x=middle, y=18, text_anchor="middle"),
        element("text", _cut(under), x=middle, y=34, text_anchor="middle", class_="small"),
    ]


def _cut(text: str) -> str:
    return text if len(text) <= _LETTERS else text[: _LETTERS - 1] + "…"
