"""Noise out of pictures: a small DnCNN on Fashion-MNIST with Gaussian noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qat_kit.datasets import load_noisy_clothes
from qat_kit.recipe import Rate, Recipe, Settings

if TYPE_CHECKING:
    import tf_keras


class EnhanceSettings(Settings):
    """The defaults of this recipe. noise: its standard deviation, on pixels of 0 to 1."""

    epochs: int = 4
    qat_epochs: int = 1
    batch_size: int = 64
    noise: Rate = 0.1


def build_model(settings: EnhanceSettings) -> tf_keras.Model:
    from qat_kit.nets import denoiser

    del settings
    return denoiser(input_shape=(28, 28, 1))


recipe = Recipe(
    name="enhance",
    summary="Noise out of pictures, DnCNN of 6 layers",
    data="Fashion-MNIST with noise, 58,000 pictures",
    task="pictures",
    figure="psnr_db",
    scores="values",
    load_data=lambda settings: load_noisy_clothes(noise=settings.noise),
    build_model=build_model,
    settings=EnhanceSettings(),
)
