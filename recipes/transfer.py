"""Your own images: a backbone of `keras.applications` and a new head, on a folder with a subfolder for each class.

`qat-kit run transfer --set data=DIR --set weights=imagenet`; without a folder, 300 pictures of clothes show the way.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from qat_kit.datasets import Dataset
from qat_kit.datasets.folders import load_folder, load_tries
from qat_kit.manifest import Preprocessing
from qat_kit.recipe import Count, Recipe, Settings

if TYPE_CHECKING:
    import tf_keras

# How a backbone takes pixels of 0 to 255; what has its scaling within takes them as they are.
SYMMETRIC = Preprocessing(kind="image", mean=(127.5,), std=(127.5,), resize="crop")
AS_THEY_ARE = Preprocessing(kind="image", resize="crop")
BACKBONES = {"MobileNet": SYMMETRIC, "MobileNetV2": SYMMETRIC, "ResNet50V2": SYMMETRIC, "EfficientNetB0": AS_THEY_ARE}


class TransferSettings(Settings):
    """The defaults of this recipe. data: the folder; weights: `imagenet` is downloaded; size: of the images."""

    epochs: int = 15
    qat_epochs: int = 3
    data: Path | None = None
    backbone: Literal["MobileNet", "MobileNetV2", "ResNet50V2", "EfficientNetB0"] = "MobileNet"
    weights: Literal["imagenet"] | None = None
    size: Count = 96


def load_data(settings: TransferSettings) -> Dataset:
    stated = BACKBONES[settings.backbone]
    if settings.data is None:
        return load_tries(size=settings.size, preprocessing=stated)
    return load_folder(settings.data, size=settings.size, preprocessing=stated)


def build_model(settings: TransferSettings) -> tf_keras.Model:
    from qat_kit.nets import transferred

    folders = 10 if settings.data is None else sum(path.is_dir() for path in settings.data.expanduser().iterdir())
    return transferred(settings.backbone, size=settings.size, num_classes=folders, weights=settings.weights)


recipe = Recipe(
    name="transfer",
    summary="Your own images (data=DIR), a backbone of keras.applications",
    data="a folder of yours; 300 clothes without one",
    task="classification",
    scores="logits",
    load_data=load_data,
    build_model=build_model,
    settings=TransferSettings(),
)
