"""CIFAR-10 with MobileNetV1 at a quarter of its width."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qat_kit.datasets import load_cifar10
from qat_kit.recipe import Recipe, Settings

if TYPE_CHECKING:
    import tf_keras


class Cifar10MobilenetSettings(Settings):
    """The defaults of this recipe."""

    epochs: int = 80
    qat_epochs: int = 10
    batch_size: int = 64


def build_model(settings: Cifar10MobilenetSettings) -> tf_keras.Model:
    from qat_kit.nets import mirrored_and_moved, mobilenet

    del settings
    return mobilenet(input_shape=(32, 32, 3), stem_strides=1, num_downsamplings=3, augment=mirrored_and_moved)


recipe = Recipe(
    name="cifar10_mobilenet",
    summary="CIFAR-10, MobileNetV1 at width 0.25, 10 classes",
    data="CIFAR-10, 48,000 pictures",
    task="classification",
    figure="accuracy",
    scores="logits",
    load_data=lambda settings: load_cifar10(),
    build_model=build_model,
    settings=Cifar10MobilenetSettings(),
)
