"""A page put together from elements, so that no text of a file can become markup.

A page carries no script and forbids every one, by its own policy, should one get in.
"""

from __future__ import annotations

from xml.etree import ElementTree

from qat_kit.report.text import printable

Element = ElementTree.Element

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

# Colours stand for light and dark at once: the browser chooses.
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #ffffff; --faint: #5c6670; --line: #d4d9de;
  --panel: #f5f7f9; --integer: #d8ebff; --float: #ffe3c2; --other: #e9e6f5; --edge: #7a8691; --bad: #c02b2b;
  --good: #1d7a3c; --bar: #3c7dc4; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ec; --paper: #14171a; --faint: #9aa5b0; --line: #343b42; --panel: #1d2226; --integer: #1f4468;
    --float: #6b431a; --other: #3d3859; --edge: #7f8b96; --bad: #ff7d7d; --good: #6fd08c; --bar: #5b9be0; } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.faint { color: var(--faint); } .bad { color: var(--bad); } .good { color: var(--good); }
.scroll { overflow: auto; max-height: 80vh; border: 1px solid var(--line); border-radius: 6px;
  background: var(--panel); }
table { border-collapse: collapse; font-size: 13px; width: 100%; }
th, td { text-align: left; padding: 3px 8px; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.name { overflow-wrap: anywhere; min-width: 12rem; } thead th { position: sticky; top: 0; background: var(--panel); }
tr:target td { background: var(--integer); }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink); } svg .small { font-size: 10px; fill: var(--faint); }
svg rect { stroke: var(--edge); } svg path { fill: none; stroke: var(--edge); }
.integer { fill: var(--integer); } .float { fill: var(--float); } .other { fill: var(--other); }
.end { fill: var(--paper); } .bar { fill: var(--bar); stroke: none; }
"""


def element(tag: str, *children: Element | str, **attributes: object) -> Element:
    """An element with its children; text and attributes are escaped when the page is written.

    An attribute's name may end with `_`, where Python keeps it for itself, and `_` within stands for `-`.

    >>> ElementTree.tostring(element("p", "1 < 2", element("b", "<script>"), class_="x"), encoding="unicode")
    '<p class="x">1 &lt; 2<b>&lt;script&gt;</b></p>'
    """
    made = Element(tag)
    for name, value in attributes.items():
        made.set(name.rstrip("_").replace("_", "-"), printable(str(value)))
    for child in children:
        if isinstance(child, Element):
            made.append(child)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + printable(child)
        else:
            made.text = (made.text or "") + printable(child)
    return made


def page(title: str, *body: Element, style: str = "") -> str:
    """A whole page. Light and dark follow the reader's system. style: what it has beyond what all pages share."""
    sheet = Element("style")
    sheet.text = _STYLE + style
    head = element(
        "head",
        element("meta", charset="utf-8"),
        Element("meta", {"http-equiv": "Content-Security-Policy", "content": _POLICY}),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        sheet,
    )
    document = element("html", head, element("body", *body), lang="en")
    return "<!DOCTYPE html>\n" + ElementTree.tostring(document, encoding="unicode", method="html") + "\n"


def table(titles: list[str], rows: list[list[Element | str]], *, numbers: frozenset[int] = frozenset()) -> Element:
    """A table whose columns `numbers` are set to the right."""

    def cells(tag: str, row: list[Element | str]) -> list[Element]:
        return [element(tag, cell, **({"class_": "number"} if i in numbers else {})) for i, cell in enumerate(row)]

    head: list[Element | str] = list(titles)
    return element(
        "table",
        element("thead", element("tr", *cells("th", head))),
        element("tbody", *(element("tr", *cells("td", row)) for row in rows)),
    )
