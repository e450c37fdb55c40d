"""Fashion-MNIST with six convolutions; pictures are mirrored and moved in training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qat_kit.datasets import load_fashion_mnist
from qat_kit.recipe import Recipe, Settings

if TYPE_CHECKING:
    import tf_keras


class FashionMnistSettings(Settings):
    """The defaults of this recipe."""

    epochs: int = 40
    qat_epochs: int = 6
    batch_size: int = 64


def build_model(settings: FashionMnistSettings) -> tf_keras.Model:
    from qat_kit.nets import mirrored_and_moved, plain_cnn

    del settings
    return plain_cnn(input_shape=(28, 28, 1), filters=(24, 48, 96), num_classes=10, augment=mirrored_and_moved)


recipe = Recipe(
    name="fashion_mnist",
    summary="Fashion-MNIST, convolutional net, 10 kinds of clothes",
    data="Fashion-MNIST, 58,000 pictures",
    task="classification",
    figure="accuracy",
    scores="logits",
    load_data=lambda settings: load_fashion_mnist(),
    build_model=build_model,
    settings=FashionMnistSettings(),
)
