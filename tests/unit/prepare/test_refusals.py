"""What no int8 kernel computes is refused by the layer's name, with the reason and what to do."""

from __future__ import annotations

import keras
import pytest
import tf_keras

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare import prepare

FRAMES = (3, 6, 6, 2)


@pytest.mark.parametrize("kit", [tf_keras, keras])
@pytest.mark.parametrize(
    ("make", "shape", "words"),
    [
        (lambda k: k.layers.Conv3DTranspose(2, 2, name="it"), FRAMES, r"'it' .Conv3DTranspose.*conv3d_transpose\.cc"),
        (
            lambda k: k.layers.Conv1D(2, 2, data_format="channels_first", name="it"),
            FRAMES[2:],
            r"'it' .Conv1D\(data_format='channels_first'\).*channels_last",
        ),
        (
            lambda k: k.layers.MaxPooling3D(data_format="channels_first", name="it"),
            FRAMES,
            r"'it' .MaxPooling3D\(data_format='channels_first'\)",
        ),
    ],
)
def test_a_layer_without_a_kernel(kit, make, shape, words) -> None:
    image = kit.Input(shape, name="image")
    with pytest.raises(UnsupportedLayerError, match=words):
        prepare(kit.Model(image, make(kit)(image)))


def test_channels_first_within_a_wrapper() -> None:
    image = tf_keras.Input(FRAMES, name="image")
    layer = tf_keras.layers.TimeDistributed(tf_keras.layers.MaxPooling2D(data_format="channels_first"), name="it")
    with pytest.raises(UnsupportedLayerError, match=r"'it' .TimeDistributed.data_format='channels_first'"):
        prepare(tf_keras.Model(image, layer(image)))
