"""Handwritten digits: 8×8 scans to ten classes, with a small convolutional net."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qat_kit.datasets import load_digits
from qat_kit.recipe import Count, Recipe, Settings

if TYPE_CHECKING:
    import tf_keras


class DigitsSettings(Settings):
    """The defaults of this recipe. filters: of the first convolution; the second has twice as many."""

    epochs: int = 40
    qat_epochs: int = 12
    filters: Count = 16


def build_model(settings: DigitsSettings) -> tf_keras.Model:
    import tf_keras
    from tf_keras import layers

    return tf_keras.Sequential(
        [
            tf_keras.Input((8, 8, 1), name="image"),
            layers.Conv2D(settings.filters, 3, padding="same", use_bias=False, name="stem"),
            layers.BatchNormalization(momentum=0.9, name="stem_norm"),
            layers.ReLU(name="stem_relu"),
            layers.SeparableConv2D(2 * settings.filters, 3, padding="same", use_bias=False, name="features"),
            layers.BatchNormalization(momentum=0.9, name="features_norm"),
            layers.ReLU(name="features_relu"),
            layers.MaxPooling2D(name="pool"),
            layers.Conv2D(4 * settings.filters, 3, use_bias=False, name="shapes"),
            layers.BatchNormalization(momentum=0.9, name="shapes_norm"),
            layers.ReLU(name="shapes_relu"),
            layers.Flatten(name="flatten"),
            layers.Dropout(0.3, name="dropout"),
            layers.Dense(10, name="logits"),
        ],
        name="digits",
    )


recipe = Recipe(
    name="digits",
    summary="Handwritten digits 8×8 (scikit-learn), convolutional net, 10 classes",
    data="scikit-learn, 1,137 scans",
    task="classification",
    figure="accuracy",
    expected=0.9917,
    scores="logits",
    load_data=lambda settings: load_digits(),
    build_model=build_model,
    settings=DigitsSettings(),
)
