"""Spoken digits: a DS-CNN on log-mel pictures of one second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qat_kit.datasets import load_spoken_digits
from qat_kit.recipe import Recipe, Settings

if TYPE_CHECKING:
    import tf_keras


class SpokenDigitsSettings(Settings):
    """The defaults of this recipe."""

    epochs: int = 60
    qat_epochs: int = 10
    batch_size: int = 32


def build_model(settings: SpokenDigitsSettings) -> tf_keras.Model:
    from qat_kit.nets import ds_cnn

    del settings
    return ds_cnn(input_shape=(49, 32, 1), num_classes=10, augment=moved_in_time)


def moved_in_time(picture: Any) -> Any:
    """Up to 0.15 s earlier or later, a band up or down, and a little noise, in training alone."""
    from tf_keras import layers

    picture = layers.RandomTranslation((-0.15, 0.15), (-0.03, 0.03), fill_mode="nearest", name="move")(picture)
    return layers.GaussianNoise(0.3, name="noise")(picture)


recipe = Recipe(
    name="spoken_digits",
    summary="Spoken digits (Free Spoken Digit Dataset), DS-CNN, 10 classes",
    data="Free Spoken Digits, 2,500 recordings",
    task="classification",
    figure="accuracy",
    scores="logits",
    load_data=lambda settings: load_spoken_digits(),
    build_model=build_model,
    settings=SpokenDigitsSettings(),
)
