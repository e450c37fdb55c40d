"""How answers are judged, a task a module; other packages add tasks through the entry points `qat_kit.tasks`."""

from __future__ import annotations

from qat_kit.measure.metrics import (
    anomaly,
    classification,
    detection,
    pictures,
    regression,
    retrieval,
    segmentation,
    tagging,
    transcripts,
    verification,
)
from qat_kit.measure.metrics.judging import compare_answers, judge
from qat_kit.measure.metrics.types import Cases, Details, Metric, TaskMetrics
from qat_kit.registry import Registry

__all__ = ["TASKS", "Cases", "Details", "Metric", "TaskMetrics", "compare_answers", "get_task", "judge"]

TASKS = Registry(
    "task",
    TaskMetrics,
    (
        anomaly.TASK,
        classification.TASK,
        detection.TASK,
        pictures.TASK,
        regression.TASK,
        retrieval.TASK,
        segmentation.TASK,
        tagging.TASK,
        transcripts.TASK,
        verification.TASK,
    ),
    group="qat_kit.tasks",
)


def get_task(name: str) -> TaskMetrics:
    """The metrics of a task by its name; raises UnknownNameError with the nearest names.

    >>> quality = judge(get_task("transcripts"), ["a hat"], ["a cat"])
    >>> quality.figures["word_error_rate"].value
    0.5
    """
    return TASKS.get(name)
