"""Live batch norm: trained with its kernel, folded without changing what the model computes, refused in a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tf_keras import layers

from qat_kit.errors import ModelError
from qat_kit.prepare import prepare
from qat_kit.prepare.reading import read_graph
from qat_kit.results import QatModel
from qat_kit.simulation import export_simulated, fold_trained, has_live_batch_norm, simulate, trained_tensors
from qat_kit.simulation.placement import place
from tests.support import models
from tests.support.models import VECTOR, chain, conv, model_of

NETS = {
    "conv": lambda: model_of(chain(conv(6, use_bias=False), layers.BatchNormalization(name="norm"), layers.ReLU())),
    "conv without activation": lambda: model_of(chain(conv(6), layers.BatchNormalization(name="norm"))),
    "depthwise": lambda: model_of(
        chain(layers.DepthwiseConv2D(3, depth_multiplier=2), layers.BatchNormalization(), layers.ReLU(6.0), conv(3))
    ),
    "transposed": lambda: model_of(
        chain(layers.Conv2DTranspose(5, 3, strides=2), layers.BatchNormalization(), layers.ReLU())
    ),
    "dense": lambda: model_of(
        chain(layers.Dense(7), layers.BatchNormalization(), layers.ReLU(), layers.Dense(3)), VECTOR
    ),
    "residual": lambda: model_of(models.residual),
    "siamese": models.siamese,
}


def live(name: str) -> tuple[QatModel, list[np.ndarray]]:
    model = NETS[name]()
    inputs = models.samples(model, 16)
    return simulate(prepare(model, batch_norm="train_then_fold"), [inputs]), inputs


@pytest.mark.parametrize("name", NETS)
def test_folding_changes_no_output_and_no_quantizer(name: str) -> None:
    qat, inputs = live(name)
    assert has_live_batch_norm(qat.model)
    folded = fold_trained(qat)
    assert not has_live_batch_norm(folded.model)
    assert folded.model.output_names == qat.model.output_names
    feed = inputs[0] if len(inputs) == 1 else inputs
    old, new = qat.model(feed, training=False).numpy(), folded.model(feed, training=False).numpy()
    # Where float32 rounding crosses a tie, an output moves by a step; a wrong fold moves them all by more.
    steps = np.abs(old - new) / trained_tensors(folded.model).outputs[_last(folded)].scale[0]
    assert steps.max() < 2.01
    assert (steps > 0.01).mean() < 0.02


def _last(qat: QatModel) -> str:
    graph = read_graph(qat.model)
    outputs = trained_tensors(qat.model).outputs
    name = graph.outputs[0]
    while name not in outputs:
        name = graph.nodes[name].inputs[0]
    return name


def test_a_live_batch_norm_is_part_of_its_kernels_operator() -> None:
    graph = read_graph(prepare(NETS["conv"](), batch_norm="train_then_fold").model)
    quantizing = [name for name, placement in place(graph).items() if placement.quantizes_output]
    assert [graph.nodes[name].kind for name in quantizing] == ["InputLayer", "ReLU"]


def test_only_what_stands_behind_a_kernel_stays_live() -> None:
    model = model_of(chain(layers.BatchNormalization(name="lone"), conv(4), layers.BatchNormalization(name="norm")))
    kinds = {layer.name: type(layer).__name__ for layer in prepare(model, batch_norm="train_then_fold").model.layers}
    assert kinds["norm"] == "BatchNormalization"
    assert kinds["lone"] == "DepthwiseConv2D"


def test_statistics_move_in_training_and_not_in_inference() -> None:
    qat, (inputs,) = live("conv")
    mean = qat.model.get_layer("norm").layer.moving_mean
    before = mean.numpy().copy()
    qat.model(inputs, training=False)
    np.testing.assert_array_equal(mean.numpy(), before)
    qat.model(inputs + 3.0, training=True)
    assert not np.array_equal(mean.numpy(), before)


def test_a_file_takes_no_live_batch_norm(tmp_path: Path) -> None:
    qat, _ = live("conv")
    with pytest.raises(ModelError, match=r"'norm' is a batch norm that is still in training.*fold"):
        export_simulated(qat.model, tmp_path / "saved")
    with pytest.raises(ModelError, match=r"'norm'"):
        trained_tensors(qat.model)
