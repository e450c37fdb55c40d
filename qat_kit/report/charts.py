"""Charts as inline SVG in the page's own colours, so that they follow light and dark: points, lines, bars, grids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from qat_kit.report.html import Element, element
from qat_kit.report.scales import Scale

NUM_COLOURS = 6
_LEFT, _RIGHT, _TOP, _BOTTOM = 70.0, 14.0, 12.0, 44.0
# A picture may be shown that much larger than it was drawn; letters grow with it, so small ones stay readable.
_GROWTH = 1.2
# How wide a letter of a tick is, some.
_LETTER = 6.5


@dataclass(frozen=True, kw_only=True)
class Point:
    """One point with its intervals (low, high) where there are any; text is what resting on it shows."""

    x: float
    y: float
    text: str
    x_interval: tuple[float, float] | None = None
    y_interval: tuple[float, float] | None = None
    hollow: bool = False
    label: str = ""
    label_below: bool = False


@dataclass(frozen=True, kw_only=True)
class Series:
    """Points of one colour; joined: by straight lines, or as `steps`; band: their intervals as a ribbon."""

    name: str
    points: Sequence[Point]
    colour: int = 0
    joined: bool = False
    steps: bool = False
    dots: bool = True
    band: bool = False
    dashed: bool = False


def chart(x: Scale, y: Scale, series: Sequence[Series], *, alt: str, width: int = 430, height: int = 280) -> Element:
    """Axes with all series drawn into them. alt: what the chart shows, for those who do not see it."""
    x, y = x.between(_LEFT, width - _RIGHT), y.between(height - _BOTTOM, _TOP)
    drawn = [*_axes(x, y, width, height)]
    for each in series:
        colour = f"c{each.colour % NUM_COLOURS}"
        if each.band:
            drawn.append(element("path", d=_ribbon(x, y, each.points), class_=f"band {colour}"))
        if each.joined or each.steps:
            style = f"line {colour}{' dashed' if each.dashed else ''}"
            drawn.append(element("path", d=_line(x, y, each.points, steps=each.steps), class_=style))
        if each.dots:
            drawn += [_dot(x, y, point, colour) for point in each.points]
    return svg(width, height, *drawn, alt=alt)


def svg(width: int, height: int, *drawn: Element, alt: str) -> Element:
    """A picture that is as wide as there is room, and not much wider than `width`."""
    return element(
        "svg",
        element("title", alt),
        *drawn,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {height}",
        class_="chart",
        style=f"max-width:{width * _GROWTH:.0f}px",
        role="img",
        aria_label=alt,
    )


def legend(series: Sequence[tuple[str, int]]) -> Element:
    """Names with their colours."""
    return element(
        "p",
        *(
            element("span", element("span", class_=f"key c{colour % NUM_COLOURS}"), name, class_="entry")
            for name, colour in series
        ),
        class_="legend",
    )


def bars(
    rows: Sequence[tuple[str, float, str, bool]], *, said: Callable[[float], str], alt: str, width: int = 460
) -> Element:
    """Lying bars, one a row: name, length, what resting on it shows, and whether it stands out. said: a length."""
    line, left, right = 24, 190, 66
    longest = max((value for _, value, _, _ in rows), default=1.0) or 1.0
    drawn = []
    for place, (name, value, text, stands_out) in enumerate(rows):
        length = max(1.0, value / longest * (width - left - right))
        drawn.append(
            element(
                "g",
                element("title", text),
                element("text", _cut(name, 27), x=left - 10, y=16, text_anchor="end"),
                element(
                    "rect", x=left, y=5, width=f"{length:.1f}", height=14, rx=3, class_="poor" if stands_out else "c0"
                ),
                element("text", said(value), x=f"{left + length + 8:.1f}", y=16, class_="small"),
                transform=f"translate(0 {place * line})",
                class_="row",
            )
        )
    return svg(width, max(1, len(rows)) * line + 4, *drawn, alt=alt)


def grid(
    counts: Sequence[Sequence[int]], names: Sequence[str], *, alt: str, rows: str = "truth", columns: str = "answer"
) -> Element:
    """Counts as shaded squares, each row shaded by its own sum; numbers where there is room for them."""
    size = len(counts)
    side = max(9.0, min(40.0, 400 / size))
    left, top, numbers = 76, 34, side >= 22
    drawn = [
        element("text", columns, x=f"{left + size * side / 2:.0f}", y=12, text_anchor="middle", class_="small"),
        element(
            "text",
            rows,
            transform=f"translate(12 {top + size * side / 2:.0f}) rotate(-90)",
            text_anchor="middle",
            class_="small",
        ),
    ]
    for row, line in enumerate(counts):
        total = sum(line) or 1
        for column, count in enumerate(line):
            share = count / total
            kind = "cell" if row == column else "cell wrong"
            place = {"x": f"{left + column * side:.1f}", "y": f"{top + row * side:.1f}"}
            text = f"{names[row]} answered as {names[column]}: {count} of {total}"
            # A single mistake of many is to be seen, too.
            opacity = share if row == column else (0.18 + 0.82 * share if count else 0.0)
            drawn.append(
                element(
                    "rect",
                    element("title", text),
                    **place,
                    width=f"{side - 1:.1f}",
                    height=f"{side - 1:.1f}",
                    rx=2,
                    class_=kind,
                    style=f"fill-opacity:{opacity:.3f}",
                )
            )
            if numbers and count:
                drawn.append(
                    element(
                        "text",
                        str(count),
                        x=f"{left + (column + 0.5) * side:.1f}",
                        y=f"{top + (row + 0.5) * side + 4:.1f}",
                        text_anchor="middle",
                        class_="small on" if share > 0.45 else "small ink",
                    )
                )
        if numbers:
            middle = f"{top + (row + 0.5) * side + 4:.1f}"
            drawn.append(element("text", _cut(names[row], 8), x=left - 8, y=middle, text_anchor="end", class_="small"))
            middle = f"{left + (row + 0.5) * side:.1f}"
            drawn.append(
                element("text", _cut(names[row], 5), x=middle, y=top - 6, text_anchor="middle", class_="small")
            )
    extent = round(left + size * side + 4), round(top + size * side + 4)
    return svg(*extent, *drawn, alt=alt)


def _axes(x: Scale, y: Scale, width: int, height: int) -> list[Element]:
    drawn = []
    for value in y.ticks():
        place = f"{y(value):.1f}"
        drawn.append(element("line", x1=x.start, x2=x.end, y1=place, y2=place, class_="rule"))
        drawn.append(
            element("text", y.text(value), x=x.start - 8, y=f"{y(value) + 4:.1f}", text_anchor="end", class_="small")
        )
    shown: list[float] = []
    for value in x.ticks():
        # A label that would touch the one before it is left out.
        if not shown or x(value) - x(shown[-1]) > (len(x.text(value)) + 2) * _LETTER:
            shown.append(value)
    for value in shown:
        place = f"{x(value):.1f}"
        drawn.append(element("line", x1=place, x2=place, y1=y.start, y2=y.start + 4, class_="rule"))
        drawn.append(element("text", x.text(value), x=place, y=y.start + 18, text_anchor="middle", class_="small"))
    drawn.append(element("line", x1=x.start, x2=x.end, y1=y.start, y2=y.start, class_="axis"))
    middle = f"{(x.start + x.end) / 2:.0f}"
    drawn.append(element("text", x.label, x=middle, y=height - 6, text_anchor="middle", class_="label"))
    turned = f"translate(11 {(y.start + y.end) / 2:.0f}) rotate(-90)"
    drawn.append(element("text", y.label, transform=turned, text_anchor="middle", class_="label"))
    return drawn


def _dot(x: Scale, y: Scale, point: Point, colour: str) -> Element:
    across, up = f"{x(point.x):.1f}", f"{y(point.y):.1f}"
    parts = [element("title", point.text)]
    if point.y_interval is not None:
        low, high = (f"{y(value):.1f}" for value in point.y_interval)
        parts.append(element("line", x1=across, x2=across, y1=low, y2=high, class_=f"whisker {colour}"))
    if point.x_interval is not None:
        low, high = (f"{x(value):.1f}" for value in point.x_interval)
        parts.append(element("line", x1=low, x2=high, y1=up, y2=up, class_=f"whisker {colour}"))
    kind = f"dot {colour}{' hollow' if point.hollow else ''}"
    parts.append(element("circle", cx=across, cy=up, r=5.5, class_=kind))
    if point.label:
        right = x(point.x) < (x.start + x.end) * 0.62
        place = x(point.x) + (10 if right else -10)
        anchor = "start" if right else "end"
        height = y(point.y) + (17 if point.label_below else -8)
        parts.append(element("text", point.label, x=f"{place:.1f}", y=f"{height:.1f}", text_anchor=anchor))
    return element("g", *parts, tabindex=0)


def _line(x: Scale, y: Scale, points: Sequence[Point], *, steps: bool) -> str:
    places = [(x(point.x), y(point.y)) for point in points]
    if not places:
        return ""
    path = [f"M{places[0][0]:.1f} {places[0][1]:.1f}"]
    for (_, before), (across, up) in pairwise(places):
        path.append(f"H{across:.1f}V{up:.1f}" if steps else f"L{across:.1f} {up:.1f}")
        del before
    return "".join(path)


def _ribbon(x: Scale, y: Scale, points: Sequence[Point]) -> str:
    known = [(x(point.x), *(y(value) for value in point.y_interval)) for point in points if point.y_interval]
    if not known:
        return ""
    there = [f"{across:.1f} {high:.1f}" for across, _, high in known]
    back = [f"{across:.1f} {low:.1f}" for across, low, _ in reversed(known)]
    return f"M{'L'.join([*there, *back])}Z"


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: letters - 1] + "…"
