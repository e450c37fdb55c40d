"""Layers that change images in training alone are nothing in inference, and nothing in the file."""

from __future__ import annotations

import pytest
import tf_keras
from tf_keras import layers

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare import prepare
from qat_kit.prepare.augmentation import AUGMENTATIONS, take_augmentation
from qat_kit.prepare.reading import read_graph
from qat_kit.simulation.operators import IDENTITY, operator_of
from tests.support.models import chain, model_of
from tests.support.rewrites import kinds, rewritten

IMAGE = (8, 7, 3)
ARGUMENTS = {
    layers.RandomTranslation: (0.4, 0.4),
    layers.RandomRotation: (0.4,),
    layers.RandomZoom: (0.4,),
    layers.RandomContrast: (0.9,),
    layers.RandomBrightness: (0.9,),
}


def made(kind):
    return kind(*ARGUMENTS.get(kind, ()), name="random")


def test_every_random_layer_of_keras_is_known() -> None:
    random = {getattr(layers, name) for name in dir(layers) if name.startswith("Random")}
    taken = {*AUGMENTATIONS, layers.RandomCrop, layers.RandomHeight, layers.RandomWidth}
    # RandomFourierFeatures is a layer of weights.
    assert {kind for kind in random if kind.__name__ != "RandomFourierFeatures"} == taken


@pytest.mark.parametrize("kind", AUGMENTATIONS, ids=lambda kind: kind.__name__)
def test_a_random_layer_stays_for_training_and_changes_nothing_in_inference(kind) -> None:
    prepared = prepare(model_of(chain(made(kind), layers.Conv2D(2, 3, name="conv")), IMAGE))
    graph = read_graph(prepared.model)
    assert operator_of(graph.nodes["random"]) == IDENTITY


@pytest.mark.parametrize("crop", [layers.RandomCrop, layers.CenterCrop])
def test_a_crop_to_the_size_that_is_there_is_left_out(crop) -> None:
    assert kinds(rewritten(model_of(crop(8, 7), IMAGE), take_augmentation)) == ["InputLayer"]


@pytest.mark.parametrize("size", [(5, 6), (6, 4), (8, 3)])
def test_a_crop_of_the_middle_is_a_cropping(size) -> None:
    graph = rewritten(model_of(layers.CenterCrop(*size, name="middle"), IMAGE), take_augmentation)
    assert kinds(graph) == ["InputLayer", "Cropping2D"]
    assert graph.nodes["middle"].output_shape[1:3] == size


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (layers.RandomCrop(4, 4, name="it"), "layer 'it' .RandomCrop from 8×7 to 4×4. .*Cropping2D"),
        (layers.CenterCrop(9, 4, name="it"), "layer 'it' .CenterCrop from 8×7 to 9×4. .*resizes"),
        (layers.RandomHeight(0.2, name="it"), "layer 'it' .RandomHeight. .*height is not known"),
        (layers.RandomWidth(0.2, name="it"), "layer 'it' .RandomWidth. .*width is not known"),
    ],
)
def test_what_changes_the_size_is_refused(layer: tf_keras.layers.Layer, words: str) -> None:
    with pytest.raises(UnsupportedLayerError, match=words):
        prepare(model_of(layer, IMAGE))
