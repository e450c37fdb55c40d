"""Sections on answers: Pareto plots, paired tests, confusion, calibration, flips, robustness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from qat_kit.overview.facts import Flip, RunFacts
from qat_kit.overview.parts import card, cards, wide_table
from qat_kit.overview.words import (
    FLOAT,
    INT8,
    comparison_of,
    difference_text,
    figure_name,
    is_share,
    model_of,
    paired_of,
    size_text,
    time_text,
    title_of,
    value_text,
)
from qat_kit.report.charts import Point, Series, chart, grid, legend
from qat_kit.report.html import Element, element
from qat_kit.report.scales import scale_of
from qat_kit.results import ModelMeasurement, Quality, TrainTestGap

_CLASSES_AT_MOST = 60


def pareto(runs: Sequence[RunFacts]) -> Element | None:
    """The leading figure against bytes and against latency, every file of every run; the best of both joined."""
    known = [
        (run, model, place)
        for place, run in enumerate(runs)
        for model in run.measurement.models
        if model.name in (FLOAT, INT8) and model.quality is not None
    ]
    headlines = {model.quality.headline for _, model, _ in known if model.quality}
    if not known or len(headlines) != 1:
        return None
    name = headlines.pop()
    several = len(runs) > 1

    def drawn(title: str, label: str, kind: str) -> Element:
        points = [_pareto_point(run, model, name, kind, several) for run, model, _ in known]
        # The line from the best to the next runs between the two, so their names stand outside.
        lowest = min(points, key=lambda point: point.y)
        points = [replace(point, label_below=point is lowest) for point in points]
        xs = [point.x for point in points] + [end for point in points for end in point.x_interval or ()]
        ys = [point.y for point in points] + [end for point in points for end in point.y_interval or ()]
        higher = known[0][1].quality is not None and known[0][1].quality.figures[name].higher_is_better
        front = Series(name="best", points=_front(points, higher), steps=True, dots=False, colour=5, dashed=True)
        dots = [
            Series(
                name=title_of(model.name), points=[point], colour=place if several else (0 if model.name == INT8 else 1)
            )
            for point, (_, model, place) in zip(points, known, strict=True)
        ]
        x = scale_of(xs, label, logarithmic=True)
        y = scale_of(ys, figure_name(name), percent=is_share(name))
        return card(title, chart(x, y, [front, *dots], alt="; ".join(point.text for point in points)))

    return cards(
        drawn(f"{figure_name(name)} against size", "bytes", "size"),
        drawn(f"{figure_name(name)} against time", "median latency, ms", "time"),
    )


def _pareto_point(run: RunFacts, model: ModelMeasurement, name: str, kind: str, several: bool) -> Point:
    assert_quality = model.quality
    figure = assert_quality.figures[name] if assert_quality else None
    value = figure.value if figure else 0.0
    interval = (figure.low, figure.high) if figure and figure.low is not None and figure.high is not None else None
    what = f"{run.title}, {title_of(model.name)}" if several else title_of(model.name)
    latency = model.latency
    cost = size_text(model.size_bytes) if kind == "size" else time_text(latency.p50_ms)
    return Point(
        x=model.size_bytes if kind == "size" else latency.p50_ms,
        x_interval=None if kind == "size" else (latency.p50_low_ms, latency.p50_high_ms),
        y=value,
        y_interval=interval,
        text=f"{what}: {figure_name(name)} {value_text(name, value)}, {cost}",
        label="" if several else what,
        hollow=several and model.name == FLOAT,
    )


def _front(points: Sequence[Point], higher_is_better: bool) -> list[Point]:
    """The points that no other beats in both, from left to right."""
    best: list[Point] = []
    sign = 1 if higher_is_better else -1
    for point in sorted(points, key=lambda point: (point.x, -sign * point.y)):
        if not best or sign * point.y > sign * best[-1].y:
            best.append(point)
    return best


def outputs(run: RunFacts) -> Element | None:
    """The leading figure of each output, where the model has several."""
    names = [model for model in run.measurement.models if model.outputs]
    if not names:
        return None
    rows: list[list[Element | str]] = []
    for output, quality in names[0].outputs.items():
        each = [model.outputs[output].figures[quality.headline].value for model in names]
        values = [value_text(quality.headline, value) for value in each]
        rows.append([output, figure_name(quality.headline), *values])
    titles = ["output", "figure", *(title_of(model.name) for model in names)]
    return wide_table(titles, rows, numbers=frozenset(range(2, len(titles))))


def paired_table(run: RunFacts) -> Element | None:
    """Every figure of float and int8 on the same samples."""
    test = paired_of(run)
    if test is None:
        return None
    rows: list[list[Element | str]] = []
    for name, each in test.differences.items():
        better = (each.difference > 0) == each.higher_is_better
        clear = each.p_value < 0.05 and each.difference != 0
        judged = "no clear difference" if not clear else ("int8 is better" if better else "float is better")
        rows.append(
            [
                figure_name(name),
                value_text(name, each.baseline),
                value_text(name, each.candidate),
                difference_text(name, each.difference) + (" points" if is_share(name) else ""),
                f"{difference_text(name, each.low)} to {difference_text(name, each.high)}",
                f"{each.p_value:.2g}",
                element("span", judged, class_="faint" if not clear else ("good" if better else "bad")),
            ]
        )
    titles = ["figure", "float", "int8", "difference", "95 % interval", "p", ""]
    return wide_table(titles, rows, numbers=frozenset({1, 2, 3, 4, 5}))


def confusion(run: RunFacts) -> Element | None:
    """The confusion matrices of the float32 file and the int8 file."""
    made = []
    for name in (FLOAT, INT8):
        model = model_of(run, name)
        quality = model.quality if model else None
        if quality is None or not 2 <= len(quality.confusion) <= _CLASSES_AT_MOST:
            continue
        names = class_names(run, len(quality.confusion))
        wrong = sum(sum(line) - line[place] for place, line in enumerate(quality.confusion))
        alt = f"confusion matrix of the {title_of(name)}: {wrong} of {quality.num_samples} answers off the diagonal"
        made.append(card(title_of(name), grid(quality.confusion, names, alt=alt)))
    return cards(*made) if made else None


def class_names(run: RunFacts, count: int) -> list[str]:
    """Names of classes where the run has them, else their numbers."""
    names = run.manifest.class_names
    return list(names) if len(names) == count else [str(number) for number in range(count)]


def curves(run: RunFacts) -> Element | None:
    """How far confidence can be believed; of two classes the ROC curve too."""
    known: list[tuple[str, Quality]] = []
    for name in (FLOAT, INT8):
        model = model_of(run, name)
        if model is not None and model.quality is not None:
            known.append((name, model.quality))
    shown = {
        "reliability": ("Is its confidence right?", "confidence", "accuracy"),
        "roc": ("ROC", "false alarms", "found"),
    }
    made = []
    for kind, (title, x_label, y_label) in shown.items():
        series = [
            Series(
                name=title_of(name),
                points=[Point(x=x, y=y, text=f"{title_of(name)}: {x:.3f}, {y:.3f}") for x, y in quality.curves[kind]],
                colour=0 if name == INT8 else 1,
                joined=True,
                dots=kind == "reliability",
            )
            for name, quality in known
            if kind in quality.curves
        ]
        if not series:
            continue
        ends = [Point(x=0, y=0, text=""), Point(x=1, y=1, text="")]
        diagonal = Series(name="", points=ends, joined=True, dots=False, dashed=True, colour=5)
        x, y = (scale_of([0.0, 1.0], label, percent=True) for label in (x_label, y_label))
        errors = [
            f"{title_of(name)} {quality.figures['expected_calibration_error'].value:.4f}"
            for name, quality in known
            if "expected_calibration_error" in quality.figures
        ]
        note = (
            f"Expected calibration error, 15 bins of equal width: {', '.join(errors)}." if kind == "reliability" else ""
        )
        picture = chart(x, y, [diagonal, *series], alt=f"{title}: {y_label} against {x_label}")
        made.append(card(title, picture, legend([(each.name, each.colour) for each in series]), note=note))
    return cards(*made) if made else None


def flips(run: RunFacts) -> Element | None:
    """The samples whose answers changed."""
    if not run.flips:
        return None
    count = max((len(model.quality.confusion) for model in run.measurement.models if model.quality), default=0)
    names = class_names(run, count)
    comparison = comparison_of(run)
    total = len(run.flips) if comparison is None else comparison.flipped
    shown = f"{'All' if len(run.flips) == total else len(run.flips)} of the {total} samples"
    changed = "The one sample" if total == 1 else shown
    said = f"{changed} whose answer int8 changed."
    pictures = element("div", *(_flip(flip, names) for flip in run.flips), class_="flips")
    return element("div", element("p", said, class_="faint"), pictures)


def _flip(flip: Flip, names: Sequence[str]) -> Element:
    def name(number: int) -> str:
        return names[number] if number < len(names) else str(number)

    words = {flip.before: "lost", flip.after: "gained"}.get(flip.label, "wrong both times")
    kind = {"lost": "bad", "gained": "good"}.get(words, "faint")
    said = f"sample {flip.index}, {name(flip.label)}: {name(flip.before)} in float, {name(flip.after)} in int8"
    picture = [] if flip.picture is None else [element("img", src=flip.picture, alt=said)]
    return element(
        "figure",
        *picture,
        element(
            "figcaption",
            element("b", name(flip.label)),
            element("br"),
            f"{name(flip.before)} → {name(flip.after)}",
            element("br"),
            element("span", words, class_=f"pill {kind}"),
        ),
    )


def robustness(run: RunFacts) -> Element | None:
    """The leading figure of both files at each strength of each disturbance."""
    points = run.robustness
    made = []
    for kind in dict.fromkeys(point.perturbation for point in points):
        chosen = [point for point in points if point.perturbation == kind]
        name = next(iter(chosen[0].test.differences))
        pairs = [(point, point.test.differences[name]) for point in chosen]
        series = [
            Series(
                name=label,
                points=[
                    Point(
                        x=point.strength,
                        y=getattr(each, part),
                        text=f"{label} at {point.strength:g}: {getattr(each, part):.4g}",
                    )
                    for point, each in pairs
                ],
                joined=True,
                colour=colour,
            )
            for label, part, colour in (("float32", "baseline", 1), ("int8", "candidate", 0))
        ]
        values = [value for _, each in pairs for value in (each.baseline, each.candidate)]
        x = scale_of([point.strength for point in chosen], chosen[0].unit, from_zero=True)
        y = scale_of(values, figure_name(name), percent=is_share(name))
        clear = [point.strength for point, each in pairs if each.p_value < 0.05]
        note = f"Clearly different at {', '.join(f'{s:g}' for s in clear)}." if clear else "Nowhere clearly different."
        made.append(card(kind, chart(x, y, series, alt=f"{figure_name(name)} under {kind}"), note=note))
    drawn = [legend([("float32", 1), ("int8", 0)]), cards(*made)] if made else []
    said = [element("p", _gap_text(run.gap))] if run.gap else []
    return element("div", *drawn, *said) if drawn or said else None


def _gap_text(gap: TrainTestGap) -> str:
    """What training data are answered better than test data, in words."""
    name = figure_name(gap.figure)
    clear = "" if gap.low <= 0 <= gap.high else ", a clear change"
    return (
        f"The gap between training and test data: {name} on {gap.num_train:,} training samples less that on "
        f"{gap.num_test:,} test samples is {gap.baseline:+.4f} for float32 and {gap.candidate:+.4f} for int8, a "
        f"difference of {gap.change:+.4f} (95 % interval {gap.low:+.4f} to {gap.high:+.4f}{clear})."
    )
