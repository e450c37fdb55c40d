"""What a customer wants of a bank: 77 intents from short texts, with an embedding and convolutions over words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qat_kit.datasets import Dataset, load_banking77
from qat_kit.recipe import Count, Recipe, Settings

if TYPE_CHECKING:
    import tf_keras


class IntentSettings(Settings):
    """The defaults of this recipe. num_words: those it knows; length: of a text in words; units: of the embedding."""

    epochs: int = 30
    qat_epochs: int = 6
    batch_size: int = 64
    num_words: Count = 2000
    length: Count = 32
    units: Count = 96


def load_data(settings: IntentSettings) -> Dataset:
    return load_banking77(num_words=settings.num_words, length=settings.length)


def build_model(settings: IntentSettings) -> tf_keras.Model:
    import tf_keras
    from tf_keras import layers

    return tf_keras.Sequential(
        [
            tf_keras.Input((settings.length,), dtype="int32", name="words"),
            layers.Embedding(settings.num_words, settings.units, name="embedding"),
            layers.SpatialDropout1D(0.3, name="word_dropout"),
            layers.Conv1D(2 * settings.units, 3, activation="relu", padding="same", name="phrases"),
            layers.GlobalMaxPooling1D(name="pool"),
            layers.Dropout(0.5, name="dropout"),
            layers.Dense(77, name="logits"),
        ],
        name="intent",
    )


recipe = Recipe(
    name="intent",
    summary="Intents of short texts (banking77), embedding and convolution, 77 classes",
    data="banking77, 9,503 texts",
    task="classification",
    figure="accuracy",
    scores="logits",
    load_data=load_data,
    build_model=build_model,
    settings=IntentSettings(),
)
