"""CIFAR-10 with ResNet-8, MLPerf Tiny's net for image classification."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qat_kit.datasets import load_cifar10
from qat_kit.recipe import Recipe, Settings

if TYPE_CHECKING:
    import tf_keras


class Cifar10Resnet8Settings(Settings):
    """The defaults of this recipe."""

    epochs: int = 80
    qat_epochs: int = 10
    batch_size: int = 64


def build_model(settings: Cifar10Resnet8Settings) -> tf_keras.Model:
    from qat_kit.nets import mirrored_and_moved, resnet8

    del settings
    return resnet8(augment=mirrored_and_moved)


recipe = Recipe(
    name="cifar10_resnet8",
    summary="CIFAR-10, ResNet-8 of MLPerf Tiny, 10 classes",
    data="CIFAR-10, 48,000 pictures",
    task="classification",
    figure="accuracy",
    scores="logits",
    load_data=lambda settings: load_cifar10(),
    build_model=build_model,
    settings=Cifar10Resnet8Settings(),
)
