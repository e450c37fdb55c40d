"""What a person does, from a phone's accelerometer and gyroscope: a 1-D CNN, or one before a GRU or an LSTM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from qat_kit.datasets import load_activity
from qat_kit.recipe import Recipe, Settings

if TYPE_CHECKING:
    import tf_keras


class ActivitySettings(Settings):
    """The defaults of this recipe. end: what follows the convolutions, the mean over time or a recurrent layer."""

    epochs: int = 30
    qat_epochs: int = 6
    end: Literal["mean", "gru", "lstm"] = "mean"


def build_model(settings: ActivitySettings) -> tf_keras.Model:
    from tf_keras import layers

    from qat_kit.nets import signal_net

    return signal_net(
        input_shape=(100, 6),
        num_classes=5,
        filters=(32, 64, 64),
        end=settings.end,
        augment=lambda signal: layers.GaussianNoise(0.1, name="noise")(signal),
    )


recipe = Recipe(
    name="activity",
    summary="Activity from a phone's motion, 1-D CNN (GRU or LSTM with end=…), 5 classes",
    data="GeoTecINIT HAR, 2,650 windows of 14 people",
    task="classification",
    figure="accuracy",
    expected=0.861,
    minutes=1,
    scores="logits",
    load_data=lambda settings: load_activity(),
    build_model=build_model,
    settings=ActivitySettings(),
)
