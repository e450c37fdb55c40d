"""ConvNeXt's own layers."""

from __future__ import annotations

import tf_keras
from tf_keras.src.applications import convnext as keras_convnext

from qat_kit.prepare import prepare
from qat_kit.prepare.convnext import replace_convnext
from tests.support.models import randomized
from tests.support.rewrites import rewritten


def convnext(**arguments: object) -> tf_keras.Model:
    """Of one small block a stage."""
    return randomized(
        keras_convnext.ConvNeXt(
            depths=[1, 1, 1, 1],
            projection_dims=[4, 4, 8, 8],
            input_shape=(32, 32, 3),
            weights=None,
            include_top=False,
            model_name="convnext",
            **arguments,
        )
    )


def test_it_computes_the_same_without_them() -> None:
    prepared = prepare(convnext()).model
    assert not {"LayerScale", "StochasticDepth"} & {type(layer).__name__ for layer in prepared.layers}


def test_what_drops_residuals_in_training_still_does() -> None:
    nodes = rewritten(convnext(drop_path_rate=0.4), replace_convnext).nodes.values()
    drops = [node.config for node in nodes if node.kind == "Dropout"]
    assert [tuple(drop["noise_shape"]) for drop in drops] == [(None, 1, 1, 1)] * 3
    assert max(drop["rate"] for drop in drops) == 0.4
