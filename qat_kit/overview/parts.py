"""What the sections of the page are put together from."""

from __future__ import annotations

from qat_kit.report.html import Element, element, table


def card(title: str, *content: Element, wide: bool = False, note: str = "") -> Element:
    """A framed part with a heading of its own."""
    below = [element("p", note, class_="faint")] if note else []
    return element("section", element("h3", title), *content, *below, class_="card wide" if wide else "card")


def cards(*made: Element) -> Element:
    """Cards side by side, where there is room."""
    return element("div", *made, class_="cards")


def tile(what: str, much: str, more: str) -> Element:
    """A large figure with its name above and what qualifies it below."""
    return element(
        "div",
        element("div", what, class_="what"),
        element("div", much, class_="much"),
        element("div", more, class_="more"),
        class_="tile",
    )


def over(value: str, interval: str) -> Element:
    """A value with its interval below."""
    return element("div", value, element("div", interval, class_="faint interval"))


def wide_table(titles: list[str], rows: list[list[Element | str]], *, numbers: frozenset[int] = frozenset()) -> Element:
    """A table that scrolls sideways where it is wider than the page; within reach of the keyboard."""
    made = table(titles, rows, numbers=numbers)
    for head in made.iterfind("thead/tr/th"):
        head.set("scope", "col")
    return element("div", made, class_="wrap", tabindex=0, role="region", aria_label=", ".join(titles))


def section(anchor: str, title: str, *content: Element) -> list[Element]:
    """A heading that can be linked to, and what follows it."""
    return [element("h2", title, id=anchor), *content]
