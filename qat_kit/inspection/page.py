"""An inspection as a page: totals, a picture of each graph, and its operators with all that is known of them."""

from __future__ import annotations

from qat_kit.inspection.picture import OPERATORS_AT_MOST, draw, kind_of, shape_of
from qat_kit.inspection.records import InspectedGraph, InspectedOperator, InspectedTensor, Inspection
from qat_kit.report.html import Element, element, page, table

_ROWS_AT_MOST = 5000
_GRAPHS_AT_MOST = 20


def as_html(inspection: Inspection, *, name: str) -> str:
    """One page that needs no network and runs no script. name: what the file is called."""
    body = [element("h1", name), _totals(inspection)]
    for graph in inspection.graphs[:_GRAPHS_AT_MOST]:
        body += _graph(graph, len(inspection.graphs) > 1)
    if len(inspection.graphs) > _GRAPHS_AT_MOST:
        body.append(element("p", f"… and {len(inspection.graphs) - _GRAPHS_AT_MOST} more subgraphs", class_="faint"))
    return page(f"{name}: {inspection.num_operators} operators", *body)


def _totals(inspection: Inspection) -> Element:
    arena = inspection.main.arena_bytes
    facts = {
        "size": f"{inspection.size_bytes:,} bytes; {inspection.gzip_bytes:,} with gzip",
        "constants": f"{inspection.constant_bytes:,} bytes",
        "activations in memory": "not planned: too many tensors" if arena is None else f"{arena:,} bytes",
        "multiply-accumulates": f"{inspection.macs:,} an inference",
        "operators": _counts(inspection.operator_counts),
        "tensors": _counts(inspection.tensor_types),
        "signatures": "; ".join(
            f"{key}({', '.join(ends['inputs'])}) → {', '.join(ends['outputs'])}"
            for key, ends in inspection.signatures.items()
        ),
        "metadata": ", ".join(inspection.metadata),
        "description": inspection.description,
        "to apps it says": "; ".join(inspection.described.lines) if inspection.described else inspection.undescribed,
        "SHA-256": inspection.sha256,
    }
    rows = [element("tr", element("th", title), element("td", fact)) for title, fact in facts.items() if fact]
    return element("table", element("tbody", *rows))


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _graph(graph: InspectedGraph, several: bool) -> list[Element]:
    title = f"subgraph {graph.index} {graph.name}" if several else "the graph"
    picture = draw(graph)
    legend = element(
        "p",
        "Boxes are operators in the order in which they run, from above to below; blue ones make quantized integers, "
        "orange ones floats. Rest on a box to see its details, click it to find its row.",
        class_="faint",
    )
    missing = element("p", f"no picture: more than {OPERATORS_AT_MOST} operators, or too many edges", class_="faint")
    drawn = [legend, element("div", picture, class_="scroll")] if picture is not None else [missing]
    rows = element("div", _operators(graph), class_="scroll")
    return [element("h2", title), *drawn, element("h2", "operators"), rows]


def _operators(graph: InspectedGraph) -> Element:
    titles = ["#", "operator", "inputs", "outputs", "MACs", "constant bytes"]
    rows: list[list[Element | str]] = [
        [
            str(operator.index),
            _name(operator),
            _tensors(graph, operator.inputs),
            _tensors(graph, operator.outputs),
            f"{operator.macs:,}",
            f"{operator.constant_bytes:,}",
        ]
        for operator in graph.operators[:_ROWS_AT_MOST]
    ]
    made = table(titles, rows, numbers=frozenset({0, 4, 5}))
    for operator, row in zip(graph.operators, made.iterfind("tbody/tr"), strict=False):
        row.set("id", f"operator-{graph.index}-{operator.index}")
    return made


def _name(operator: InspectedOperator) -> Element:
    activation = [] if operator.fused_activation == "NONE" else [f" + {operator.fused_activation}"]
    shown = {key: value for key, value in operator.options.items() if key != "fused_activation_function"}
    options = ", ".join(f"{key} {value}" for key, value in shown.items())
    options = options if len(options) <= 200 else options[:199] + "…"
    version = element("span", f" v{operator.version}", class_="faint")
    return element("div", operator.op, version, *activation, element("div", options, class_="faint"))


def _tensors(graph: InspectedGraph, indices: tuple[int, ...]) -> Element:
    lines = [_tensor(graph.tensor(index)) for index in indices[:50]]
    more = [element("div", f"… and {len(indices) - 50} more", class_="faint")] if len(indices) > 50 else []
    return element("div", *lines, *more)


def _tensor(tensor: InspectedTensor | None) -> Element:
    if tensor is None:
        return element("div", "left out", class_="faint")
    parameters = ""
    if len(tensor.scale) == 1:
        parameters = f", scale {tensor.scale[0]:.6g}, zero point {tensor.zero_point[0]}"
    elif tensor.scale:
        low, high = min(tensor.scale), max(tensor.scale)
        parameters = f", {len(tensor.scale)} scales {low:.4g}–{high:.4g} along {tensor.quantized_dimension}"
    constant = f", {tensor.constant_bytes:,} bytes" if tensor.constant_bytes else ""
    name = tensor.name if len(tensor.name) <= 120 else tensor.name[:119] + "…"
    about = element("span", f" {tensor.type} {shape_of(tensor)}{parameters}{constant}", class_="faint")
    return element("div", name, about, title=kind_of(tensor))
