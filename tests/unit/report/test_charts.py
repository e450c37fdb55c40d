"""Places in charts by hand; what a chart says to those who do not see it; a picture read back."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import pytest

from qat_kit.report.charts import Point, Series, bars, chart, grid, legend
from qat_kit.report.html import Element
from qat_kit.report.png import png_address
from qat_kit.report.scales import Scale, scale_of


def test_scales_by_hand() -> None:
    linear = Scale(label="", low=0.0, high=10.0, start=100.0, end=200.0)
    assert [linear(value) for value in (-5, 0, 2.5, 10, 99)] == [100, 100, 125, 200, 200]
    down = linear.between(200.0, 100.0)
    assert down(2.5) == 175
    decades = Scale(label="", low=1.0, high=100.0, start=0.0, end=2.0, logarithmic=True)
    assert [decades(value) for value in (1, 10, 100)] == pytest.approx([0, 1, 2])


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (Scale(label="", low=0.0, high=1.0), [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (Scale(label="", low=0.971, high=0.999), [0.975, 0.98, 0.985, 0.99, 0.995]),
        (Scale(label="", low=1, high=4, whole=True), [1, 2, 3, 4]),
        (Scale(label="", low=0.003, high=0.009, logarithmic=True), [0.004, 0.006, 0.008]),
        (Scale(label="", low=1, high=1e6, logarithmic=True), [10**power for power in range(7)]),
    ],
)
def test_ticks_are_round(scale: Scale, expected: list[float]) -> None:
    assert scale.ticks() == pytest.approx(expected)


def test_a_scale_leaves_room_and_stays_within_percent() -> None:
    scale = scale_of([0.9, 1.0], "accuracy", percent=True)
    assert (scale.low, scale.high) == pytest.approx((0.892, 1.0))
    assert scale.text(0.925) == "92.5 %"
    same = scale_of([3.0, 3.0], "x")
    assert same.low < 3.0 < same.high
    assert scale_of([10.0, 1000.0], "x", logarithmic=True).low < 10


def classes(drawn: Element, kind: str) -> list[Element]:
    return [element for element in drawn.iter() if kind in (element.get("class") or "").split()]


def test_a_chart_draws_what_it_is_given() -> None:
    points = [
        Point(x=0.0, y=0.0, text="first", y_interval=(0.0, 0.5)),
        Point(x=1.0, y=1.0, text="second", y_interval=(0.5, 1.0), x_interval=(0.9, 1.0), label="here"),
    ]
    x, y = (Scale(label=label, low=0.0, high=1.0) for label in ("across", "up"))
    drawn = chart(
        x, y, [Series(name="s", points=points, joined=True, band=True, colour=7)], alt="two points", width=284
    )
    assert drawn.get("aria-label") == drawn.findtext("title") == "two points"
    (first, second) = classes(drawn, "dot")
    # The field begins at 70 and ends 14 before the width, 12 from above and 44 from below.
    assert (first.get("cx"), first.get("cy")) == ("70.0", "236.0")
    assert (second.get("cx"), second.get("cy")) == ("270.0", "12.0")
    assert len(classes(drawn, "whisker")) == 3
    assert [path.get("d") for path in classes(drawn, "line")] == ["M70.0 236.0L270.0 12.0"]
    assert [path.get("d") for path in classes(drawn, "band")] == ["M70.0 124.0L270.0 12.0L270.0 124.0L70.0 236.0Z"]
    assert "c1" in (first.get("class") or "").split()
    assert [group.findtext("title") for group in drawn.iter("g")] == ["first", "second"]
    steps = chart(x, y, [Series(name="s", points=points, steps=True, dots=False)], alt="", width=284)
    assert [path.get("d") for path in classes(steps, "line")] == ["M70.0 236.0H270.0V12.0"]


def test_labels_of_ticks_do_not_touch() -> None:
    """Ticks at 0.0005 to 0.0015 by quarters stand ever closer on a logarithmic scale."""
    x = Scale(label="", low=0.0004, high=0.0016, logarithmic=True)
    drawn = chart(x, Scale(label="", low=0.0, high=1.0), [], alt="")
    texts = [text for text in drawn.iter("text") if text.get("y") == "254.0"]
    places = [float(text.get("x") or 0) for text in texts]
    assert 3 <= len(places) < len(x.ticks())
    assert all(
        right - left > 6.5 * len(text.text or "")
        for left, right, text in zip(places, places[1:], texts[1:], strict=False)
    )


def test_bars_and_legends() -> None:
    drawn = bars([("a", 2.0, "two", False), ("b" * 40, 1.0, "one", True)], said="{:.1f} dB".format, alt="bars")
    whole, half = (float(rect.get("width") or 0) for rect in drawn.iter("rect"))
    assert whole == pytest.approx(2 * half)
    assert len(classes(drawn, "poor")) == 1
    assert "b" * 26 + "…" in [text.text for text in drawn.iter("text")]
    assert [entry.text for entry in legend([("a", 0)]).iter("span")] == [None, None]


def test_a_grid_shades_by_row() -> None:
    drawn = grid([[3, 1], [0, 4]], ["cat", "dog"], alt="confusion")
    cells = classes(drawn, "cell")
    assert [cell.findtext("title") for cell in cells] == [
        "cat answered as cat: 3 of 4",
        "cat answered as dog: 1 of 4",
        "dog answered as cat: 0 of 4",
        "dog answered as dog: 4 of 4",
    ]
    assert [cell.get("style") for cell in cells] == [f"fill-opacity:{share:.3f}" for share in (0.75, 0.385, 0, 1)]
    assert len(classes(drawn, "wrong")) == 2


@pytest.mark.parametrize("shape", [(3, 2), (2, 5, 3)])
def test_a_picture_is_read_back(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    data = base64.b64decode(png_address(pixels).removeprefix("data:image/png;base64,"))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height, depth, kind = struct.unpack(">IIBB", data[16:26])
    assert (height, width, depth, kind) == (*shape[:2], 8, 2 if len(shape) == 3 else 0)
    start = data.index(b"IDAT") + 4
    (length,) = struct.unpack(">I", data[start - 8 : start - 4])
    lines = np.frombuffer(zlib.decompress(data[start : start + length]), np.uint8).reshape(height, -1)
    assert not lines[:, 0].any()
    assert np.array_equal(lines[:, 1:], pixels.reshape(height, -1))
    (checksum,) = struct.unpack(">I", data[start + length : start + length + 4])
    assert checksum == zlib.crc32(data[start - 4 : start + length])
