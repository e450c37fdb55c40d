"""MNIST with the net of many a phone tutorial: 784 inputs, 128 hidden units, ten classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qat_kit.datasets import load_mnist
from qat_kit.recipe import Count, Recipe, Settings

if TYPE_CHECKING:
    import tf_keras


class MnistMlpSettings(Settings):
    """The defaults of this recipe. units: of the hidden layer."""

    epochs: int = 30
    qat_epochs: int = 6
    batch_size: int = 128
    units: Count = 128


def build_model(settings: MnistMlpSettings) -> tf_keras.Model:
    import tf_keras
    from tf_keras import layers

    return tf_keras.Sequential(
        [
            tf_keras.Input((28, 28, 1), name="image"),
            layers.Flatten(name="pixels"),
            layers.Dropout(0.1, name="pixel_dropout"),
            layers.Dense(settings.units, name="hidden"),
            layers.ReLU(name="hidden_relu"),
            layers.Dropout(0.3, name="hidden_dropout"),
            layers.Dense(10, name="logits"),
        ],
        name="mnist_mlp",
    )


recipe = Recipe(
    name="mnist_mlp",
    summary="MNIST, dense net 784-128-10",
    data="MNIST, 58,000 pictures",
    task="classification",
    figure="accuracy",
    expected=0.9809,
    scores="logits",
    load_data=lambda settings: load_mnist(),
    build_model=build_model,
    settings=MnistMlpSettings(),
)
