"""Heart beats of patients that training has not seen: a 1-D CNN, judged by the recall of rare classes too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qat_kit.datasets import load_heartbeat
from qat_kit.recipe import Recipe, Settings, loss_named

if TYPE_CHECKING:
    import tf_keras

# Of N, S, V, F and Q: the root of how much rarer than N each is. Q has too few beats to learn from.
WEIGHTS = (1.0, 4.0, 2.0, 6.0, 6.0)


class HeartbeatSettings(Settings):
    """The defaults of this recipe."""

    epochs: int = 5
    qat_epochs: int = 2
    batch_size: int = 64


def build_model(settings: HeartbeatSettings) -> tf_keras.Model:
    from tf_keras import layers

    from qat_kit.nets import signal_net

    del settings
    return signal_net(
        input_shape=(128, 1),
        num_classes=5,
        filters=(16, 32, 32, 64),
        size=7,
        augment=lambda signal: layers.GaussianNoise(0.05, name="noise")(signal),
    )


recipe = Recipe(
    name="heartbeat",
    summary="Heart beats between patients, 1-D CNN, 5 classes of which 4 are rare",
    data="MIT-BIH, 17,775 beats of 19 patients",
    task="classification",
    figure="macro_recall",
    scores="logits",
    loss=loss_named("weighted_cross_entropy", weights=WEIGHTS),
    load_data=lambda settings: load_heartbeat(),
    build_model=build_model,
    settings=HeartbeatSettings(),
)
