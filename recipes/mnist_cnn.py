"""MNIST with six convolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qat_kit.datasets import load_mnist
from qat_kit.recipe import Recipe, Settings

if TYPE_CHECKING:
    import tf_keras


class MnistCnnSettings(Settings):
    """The defaults of this recipe."""

    epochs: int = 20
    qat_epochs: int = 4
    batch_size: int = 64


def build_model(settings: MnistCnnSettings) -> tf_keras.Model:
    from qat_kit.nets import plain_cnn

    del settings
    return plain_cnn(input_shape=(28, 28, 1), filters=(16, 32, 64), num_classes=10)


recipe = Recipe(
    name="mnist_cnn",
    summary="MNIST, convolutional net, 10 classes",
    data="MNIST, 58,000 pictures",
    task="classification",
    figure="accuracy",
    expected=0.995,
    scores="logits",
    load_data=lambda settings: load_mnist(),
    build_model=build_model,
    settings=MnistCnnSettings(),
)
