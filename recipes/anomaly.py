"""What is strange: a dense auto-encoder that has seen sneakers alone, judged by how ill it reproduces other clothes.

It stands for sensors of machines, of which there is no open set as small: the net and the figure are those used there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from qat_kit.datasets import Split, load_strange_clothes
from qat_kit.recipe import Count, Recipe, Settings

if TYPE_CHECKING:
    import tf_keras


class AnomalySettings(Settings):
    """The defaults of this recipe. normal: the class that trains; code: the narrowest layer."""

    epochs: int = 40
    qat_epochs: int = 8
    batch_size: int = 64
    normal: int = 7
    code: Count = 8


def build_model(settings: AnomalySettings) -> tf_keras.Model:
    from qat_kit.nets import autoencoder

    return autoencoder(num_inputs=784, code=settings.code)


def answers(outputs: Mapping[str, Any], split: Split) -> tuple[Any, Any]:
    """The mean squared error of each sample's reproduction, and whether it is strange."""
    (again,) = outputs.values()
    return np.mean((again - split.inputs[0]) ** 2, axis=1), np.asarray(split.labels, np.int64)


recipe = Recipe(
    name="anomaly",
    summary="Strange clothes among sneakers, dense auto-encoder with batch norm",
    data="Fashion-MNIST, 5,800 sneakers",
    task="anomaly",
    figure="roc_auc",
    expected=0.982,
    minutes=1,
    scores="values",
    answers=answers,
    load_data=lambda settings: load_strange_clothes(normal=settings.normal),
    build_model=build_model,
    settings=AnomalySettings(),
)
