"""Layers in another layout: changed to once and back once, where a layer needs it and nowhere else."""

from __future__ import annotations

import tf_keras
from tf_keras import layers

from qat_kit.prepare.one_dimensional import run_as_images
from tests.support.models import SEQUENCE, chain, model_of, randomized
from tests.support.rewrites import kinds, rewritten


def conv(name: str, filters: int = 4) -> layers.Layer:
    return layers.Conv1D(filters, 3, padding="same", name=name)


def num_reshapes(graph) -> int:
    return kinds(graph).count("Reshape")


def test_a_chain_changes_at_its_ends_alone() -> None:
    model = model_of(chain(conv("a"), layers.ReLU(), layers.MaxPooling1D(), layers.Dropout(0.1), conv("b")), SEQUENCE)
    graph = rewritten(model, run_as_images)
    assert kinds(graph)[1] == kinds(graph)[-1] == "Reshape"
    assert num_reshapes(graph) == 2


def test_a_tensor_that_two_layers_take_is_changed_once() -> None:
    graph = rewritten(model_of(lambda x: layers.Add()([conv("a")(x), conv("b")(x)]), SEQUENCE), run_as_images)
    assert num_reshapes(graph) == 2


def test_a_layer_that_knows_sequences_alone_gets_them_back() -> None:
    model = model_of(chain(conv("a"), layers.Permute((2, 1)), conv("b")), SEQUENCE)
    graph = rewritten(model, run_as_images)
    assert num_reshapes(graph) == 4


def test_a_flatten_takes_the_layout_as_it_is() -> None:
    graph = rewritten(model_of(chain(conv("a"), layers.Flatten(), layers.Dense(2)), SEQUENCE), run_as_images)
    assert num_reshapes(graph) == 1


def test_elements_of_another_shape_meet_in_the_models_layout() -> None:
    def build(x):
        value = conv("a")(x)
        return layers.Multiply(name="scaled")([value, layers.GlobalAveragePooling1D(keepdims=True)(value)])

    graph = rewritten(model_of(build, SEQUENCE), run_as_images)
    assert [len(graph.shape_of(tensor)) for tensor in graph.nodes["scaled"].inputs] == [3, 3]


def test_an_output_within_a_chain_is_given_in_the_models_layout() -> None:
    sequence = tf_keras.Input(SEQUENCE, name="sequence")
    first = conv("a")(sequence)
    model = randomized(tf_keras.Model(sequence, [first, conv("b")(first)]))
    graph = rewritten(model, run_as_images)
    assert [graph.shape_of(tensor) for tensor in graph.outputs] == [(None, 12, 4), (None, 12, 4)]
