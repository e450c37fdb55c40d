"""The scoreboard's figures as a page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any


def document(found: Path, contenders: Sequence[str], *, num_flip_samples: int) -> str:
    """All figures as one page. contenders: their folders below each subject's, in the table's order."""
    lines = [
        "# Scoreboard",
        "",
        f"*Written by `scripts/benchmarks/scoreboard.py` on {date.today():%d %B %Y}.*",
        "",
        "The same trained float models through this kit and through others, each with what its own guide recommends, "
        "the same data and, where it trains, the same epochs and schedule. *Drop*: in points against the float model, "
        "for those that train against the float model trained on for as long; negative where better. *p*: exact "
        "McNemar test. *Float operators*: those with a float tensor, of all. *Time*: median latency to that of the "
        "float file, XNNPACK, one thread, in turns. *Flips*: answers of the first "
        f"{num_flip_samples:,} test samples that `reference` and `builtin` give otherwise than `xnnpack`. *Seconds*, "
        "*MiB*: of processor time to produce the file, and the largest process's peak. *Lines*: that the user writes.",
    ]
    for recipe in sorted(path for path in found.glob("*/*") if (path / "subject.json").exists()):
        lines += ["", f"## `{recipe.parent.name}`, seed {recipe.name}", ""]
        lines += [
            "| | accuracy (95 %) | drop | p | float operators | bytes | size | time | flips | seconds | MiB | lines |",
            "|" + "---|" * 12,
        ]
        for contender in contenders:
            kept = recipe / contender / "figures.json"
            if kept.exists():
                lines.append(row(json.loads(kept.read_text(encoding="utf-8"))))
    return "\n".join(lines) + "\n"


def row(figures: dict[str, Any]) -> str:
    """One contender's line; a failure says what it said."""
    if "failed" in figures:
        return f"| {figures['contender']} | failed: {figures['failed'].replace('|', '/')} |" + " |" * 10
    low, high = figures["interval"]
    cells = [
        figures["contender"],
        f"{figures['right'] / figures['num_samples']:.2%} ({100 * low:.1f}–{100 * high:.1f})",
        f"{figures['drop_points']:+.2f}",
        f"{figures['p_value']:.2g}",
        f"{figures['float_operators']} of {figures['operators']}",
        f"{figures['size_bytes']:,}",
        f"{figures['size_bytes'] / figures['float_bytes']:.2f}",
        f"{figures['latency_ratio']:.2f}",
        " / ".join(str(count) for count in figures["flips"].values()),
        f"{figures['seconds']:.0f}",
        f"{figures['peak_kib'] / 1024:.0f}",
        str(figures["user_lines"]),
    ]
    return f"| {' | '.join(cells)} |"
