"""Which digit each pixel belongs to: a U-Net on scenes that are composed from MNIST's real digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qat_kit.datasets import Dataset, load_segmented_scenes
from qat_kit.recipe import Count, Recipe, Settings

if TYPE_CHECKING:
    import tf_keras


class SegmentationSettings(Settings):
    """The defaults of this recipe. scenes: to train on."""

    epochs: int = 12
    qat_epochs: int = 3
    scenes: Count = 4000


def load_data(settings: SegmentationSettings) -> Dataset:
    return load_segmented_scenes(num_train=settings.scenes, most=settings.max_samples)


def build_model(settings: SegmentationSettings) -> tf_keras.Model:
    from qat_kit.nets import unet

    del settings
    return unet(input_shape=(64, 64, 1), num_classes=11)


recipe = Recipe(
    name="segmentation",
    summary="Digits in scenes to the pixel, U-Net, 10 digits and background",
    data="4,000 scenes composed from MNIST's digits",
    task="segmentation",
    figure="mean_iou",
    scores="logits",
    load_data=load_data,
    build_model=build_model,
    settings=SegmentationSettings(),
)
