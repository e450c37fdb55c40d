"""The nets of `keras.applications` of either generation, at small inputs, with random kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tf_keras

from tests.support.layer_zoo.row import Row

# The smallest inputs of which more than one pixel is left in the end.
_SIZES = {
    **dict.fromkeys(("MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large"), 64),
    **dict.fromkeys(("EfficientNetB0", "EfficientNetV2B0", "ResNet50", "ResNet50V2", "DenseNet121"), 64),
    **{"NASNetMobile": 64, "Xception": 71, "InceptionV3": 107, "VGG16": 64, "ConvNeXtTiny": 64},
}
GENERATIONS = {"tf_keras": tf_keras, "keras": keras}


def _net(library: Any, name: str) -> Callable[[], Any]:
    def build() -> Any:
        library.utils.set_random_seed(0)
        shape = (_SIZES[name], _SIZES[name], 3)
        net = getattr(library.applications, name)(weights=None, input_shape=shape, classes=10)
        # Untrained, activations all but vanish with depth; with batch norm's statistics of a batch they do not.
        for layer in net.layers:
            if isinstance(layer, library.layers.BatchNormalization):
                layer.momentum = 0.0
        net(np.random.default_rng(0).normal(size=(8, *shape)).astype(np.float32), training=True)
        return net

    return build


APPLICATIONS: dict[str, Row] = {
    f"{generation}.{name}": Row(
        family="applications", sentence=f"{name} of {generation}.applications", build=_net(library, name)
    )
    for generation, library in GENERATIONS.items()
    for name in _SIZES
}
