"""The end of `batch_norm="train_then_fold"`: from a simulated model with live batch norm to one without."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import tf_keras

from qat_kit.prepare.graph import Graph, Node
from qat_kit.prepare.prepare import fold_prepared
from qat_kit.prepare.reading import read_graph
from qat_kit.results import QatModel
from qat_kit.simulation.operators import IDENTITY, LIVE_BATCH_NORM
from qat_kit.simulation.quantizers import WeightQuantizer
from qat_kit.simulation.simulate import build_simulated
from qat_kit.simulation.walk import quantized_layers
from qat_kit.simulation.wrapper import QuantizedLayer


def has_live_batch_norm(model: tf_keras.Model) -> bool:
    """Whether a simulated model still trains a batch norm."""
    return any(layer.quantize_config.op == LIVE_BATCH_NORM for layer in quantized_layers(model))


def fold_trained(qat: QatModel) -> QatModel:
    """A new simulated model with the batch norm folded, and the ranges of the old one; integers are computed from here.

    In inference it computes what the old one did, but for float32 rounding: the kernels are quantized per channel, so a
    channel's factor multiplies its scale and leaves its codes. An optimizer must start anew: there are other variables.
    """
    prepared = fold_prepared(_unwrapped(qat.model))
    origins = {
        name: tuple(origin for layer in layers for origin in qat.origins.get(layer, (layer,)))
        for name, layers in prepared.origins.items()
    }
    old = {layer.name: layer for layer in quantized_layers(qat.model)}
    wishes = next(iter(old.values())).quantize_config
    model = build_simulated(
        replace(prepared, origins=origins),
        scheme=qat.scheme,
        target=qat.target,
        forward="fake" if wishes.kernel_set is None else "integer",
        kernel_set=wishes.kernel_set,
        rounding_noise=wishes.rounding_noise,
    )
    by_group = {layer.quantize_config.group: layer for layer in old.values() if layer.output_range}
    for layer in quantized_layers(model):
        for end, variable in layer.output_range.items():
            variable.assign(by_group[layer.quantize_config.group].output_range[end])
        if layer.kernel_range:
            quantizer, before = layer.quantize_config.weight_quantizer, old[layer.name]
            factor = _factor(layer.kernel.numpy(), before.kernel.numpy(), quantizer)
            quantizer.carry_over(before.kernel_range, layer.kernel_range, factor)
    return replace(qat, model=model, origins=origins)


def _factor(new: np.ndarray, old: np.ndarray, quantizer: WeightQuantizer) -> np.ndarray:
    """What the folding multiplied each channel by, in the shape of the quantizer's scale; 1 for one of zeros."""
    folded, before = (quantizer.channels_last(kernel).astype(np.float64) for kernel in (new, old))
    above, below = (np.abs(channels).max(axis=0) for channels in (folded, before))
    sign = np.where((folded * before).sum(axis=0) < 0, -1.0, 1.0)
    return quantizer.in_shape_of_scale(sign * np.divide(above, below, out=np.ones_like(above), where=below != 0), old)


def _unwrapped(model: tf_keras.Model) -> Graph:
    """The graph of the layers within the wrappers; quantizers that stand in nodes of their own are left out."""
    graph = read_graph(model)
    changes: dict[str, tuple[Node, ...]] = {}
    for name, node in graph.nodes.items():
        if node.layer_class is not QuantizedLayer:
            continue
        wrapper = model.get_layer(node.shares or name)
        is_quantizer = wrapper.quantize_config.op == IDENTITY and wrapper.quantize_config.quantizes_output
        inner = replace(
            node,
            layer_class=type(wrapper.layer),
            config={**wrapper.layer.get_config(), "name": name},
            weights=tuple(weight.numpy() for weight in wrapper.layer.weights),
        )
        changes[name] = () if is_quantizer else (inner,)
    return graph.replaced(changes)
