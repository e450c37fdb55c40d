"""How the weights of the int8 file lie on their grid, tensor by tensor."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from qat_kit.litert.model_file import read_model
from qat_kit.overview.parts import card
from qat_kit.report.charts import svg
from qat_kit.report.html import Element, element
from qat_kit.results import Record

_BINS, _TENSORS_AT_MOST, _FEWEST = 51, 40, 8
_KINDS = ("INT8", "INT4", "INT2")
_WIDTH, _HEIGHT, _FLOOR = 255, 84, 14


class WeightHistogram(Record):
    """Codes of one tensor of weights. counts: in 51 bins of equal width from −limit to +limit, the largest code.

    num_distinct: different codes; at_ends: the share of codes at ±limit, which may have been cut off.
    """

    name: str
    num_weights: int
    limit: int
    counts: tuple[int, ...]
    num_distinct: int
    zeros: float
    at_ends: float


def weight_histograms(path: Path) -> tuple[WeightHistogram, ...]:
    """Of a file's integer weights, in its order; biases and tensors of less than eight elements are left out.

    Raises ModelFileError for a file that cannot be read.
    """
    found: dict[int, WeightHistogram] = {}
    for graph in read_model(path).subgraphs:
        read = {index for operator in graph.operators for index in operator.inputs if index >= 0}
        for tensor in (graph.tensors[index] for index in sorted(read)):
            if tensor.type not in _KINDS or tensor.data is None or tensor.data.size < _FEWEST:
                continue
            codes = np.asarray(tensor.data).reshape(-1).astype(np.int64)
            limit = 2 ** (int(tensor.type[3:]) - 1) - 1
            counts, _ = np.histogram(codes, bins=min(_BINS, 2 * limit + 1), range=(-limit - 0.5, limit + 0.5))
            found[tensor.buffer] = WeightHistogram(
                name=tensor.name.split(";")[0],
                num_weights=codes.size,
                limit=limit,
                counts=tuple(counts.tolist()),
                num_distinct=len(np.unique(codes)),
                zeros=float(np.mean(codes == 0)),
                at_ends=float(np.mean(np.abs(codes) >= limit)),
            )
    return tuple(found.values())


def weights(histograms: Sequence[WeightHistogram]) -> Element | None:
    """A small histogram a tensor."""
    if not histograms:
        return None
    made = [card(each.name, _picture(each), note=_said(each)) for each in histograms[:_TENSORS_AT_MOST]]
    left_out = len(histograms) - len(made)
    more = [element("p", f"{left_out} more tensors are in the JSON.", class_="faint")] if left_out else []
    return element("div", element("div", *made, class_="cards small-cards"), *more)


def _said(each: WeightHistogram) -> str:
    codes = f"{each.num_distinct} of {2 * each.limit + 1} codes"
    return f"{each.num_weights:,} weights, {codes}, {each.zeros:.1%} zero, {each.at_ends:.1%} at the ends"


def _picture(each: WeightHistogram) -> Element:
    width = _WIDTH / len(each.counts)
    highest = max(each.counts)
    drawn = []
    for place, count in enumerate(each.counts):
        if count:
            height = max(1.0, (_HEIGHT - _FLOOR) * count / highest)
            drawn.append(
                element(
                    "rect",
                    x=f"{place * width:.1f}",
                    y=f"{_HEIGHT - _FLOOR - height:.1f}",
                    width=f"{max(1.0, width - 0.8):.1f}",
                    height=f"{height:.1f}",
                    class_="bar",
                )
            )
    floor = _HEIGHT - _FLOOR
    drawn.append(element("line", x1=0, x2=_WIDTH, y1=floor, y2=floor, class_="axis"))
    for share, anchor, code in ((0.0, "start", -each.limit), (0.5, "middle", 0), (1.0, "end", each.limit)):
        text = f"{code}".replace("-", "−")
        drawn.append(element("text", text, x=share * _WIDTH, y=_HEIGHT - 2, text_anchor=anchor, class_="small"))
    return svg(_WIDTH, _HEIGHT, *drawn, alt=f"histogram of the codes of {each.name}: {_said(each)}")
