"""Where digits are and which: a detector with one anchor a cell, on scenes composed from MNIST's real digits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qat_kit.datasets import Dataset, Split, load_detected_scenes
from qat_kit.recipe import Count, Head, Recipe, Settings, loss_named

if TYPE_CHECKING:
    import tf_keras

STRIDE = 8


class DetectorSettings(Settings):
    """The defaults of this recipe. scenes: to train on."""

    epochs: int = 25
    qat_epochs: int = 5
    scenes: Count = 6000


def load_data(settings: DetectorSettings) -> Dataset:
    return load_detected_scenes(num_train=settings.scenes, most=settings.max_samples, stride=STRIDE)


def build_model(settings: DetectorSettings) -> tf_keras.Model:
    from qat_kit.nets import detector

    del settings
    return detector(input_shape=(64, 64, 1), num_classes=10)


def answers(outputs: Mapping[str, Any], split: Split) -> tuple[Any, Any]:
    """The boxes that are found, and those that are there."""
    from qat_kit.datasets.grid_boxes import decode_boxes, true_boxes

    logits, offsets = sorted(outputs.values(), key=lambda values: -values.shape[-1])
    return decode_boxes(logits, offsets, stride=STRIDE), true_boxes(split.labels[0], stride=STRIDE)


recipe = Recipe(
    name="detector",
    summary="Digits in scenes by their boxes, one-stage detector, 10 digits",
    data="6,000 scenes composed from MNIST's digits",
    task="detection",
    figure="map",
    scores="logits",
    loss=loss_named("found_classes"),
    further=(Head(task="regression", scores="values", loss=loss_named("found_boxes")),),
    answers=answers,
    load_data=load_data,
    build_model=build_model,
    settings=DetectorSettings(),
)
