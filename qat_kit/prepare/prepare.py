"""The first stage: from the user's model to the form that quantization works on."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from qat_kit.prepare.activations import split_activations
from qat_kit.prepare.additions import chain_additions
from qat_kit.prepare.affine import fold_affine
from qat_kit.prepare.attention import replace_attention
from qat_kit.prepare.augmentation import take_augmentation
from qat_kit.prepare.average import replace_average
from qat_kit.prepare.batch_norm import replace_batch_norm, replace_lone_batch_norm
from qat_kit.prepare.biases import keep_biases
from qat_kit.prepare.bidirectional import unroll_bidirectional
from qat_kit.prepare.broken import refuse_scalar_inputs
from qat_kit.prepare.building import build_model
from qat_kit.prepare.convnext import replace_convnext
from qat_kit.prepare.dilated_transposed import turn_dilated_kernels
from qat_kit.prepare.dot import replace_dot
from qat_kit.prepare.einsum_dense import replace_einsum_dense
from qat_kit.prepare.elementary import replace_elementary
from qat_kit.prepare.embedding import take_integer_indices
from qat_kit.prepare.graph import Graph, Node
from qat_kit.prepare.grouped import make_depthwise
from qat_kit.prepare.hard_swish import join_hard_swish
from qat_kit.prepare.input_shapes import refuse_open_shapes
from qat_kit.prepare.intake import take_model
from qat_kit.prepare.integers import take_integer_numbers
from qat_kit.prepare.masked_average import replace_masked_average
from qat_kit.prepare.masks import carry_masks
from qat_kit.prepare.normalization import replace_normalization
from qat_kit.prepare.one_dimensional import run_as_images
from qat_kit.prepare.operations import replace_operations
from qat_kit.prepare.output_names import keep_output_names
from qat_kit.prepare.proof import prove_same_graph, prove_same_outputs
from qat_kit.prepare.reading import read_graph, require_functional
from qat_kit.prepare.recurrent import unroll_recurrent
from qat_kit.prepare.refusals import refuse_channels_first, refuse_remaining, refuse_staying_float
from qat_kit.prepare.relu import replace_relu, scale_relu
from qat_kit.prepare.repeat_vector import repeat_by_joining
from qat_kit.prepare.rescaling import replace_rescaling
from qat_kit.prepare.resizing import replace_resizing
from qat_kit.prepare.separable import split_separable
from qat_kit.prepare.sharing import join_shared
from qat_kit.prepare.static_shapes import replace_static_shapes
from qat_kit.prepare.three_dimensional import run_as_frames
from qat_kit.prepare.time_distributed import spread_time_distributed
from qat_kit.results import PreparedModel
from qat_kit.vocabulary import BatchNorm

# Operations on tensors first, then what is made of other layers: what these become is rewritten like any layer.
# Separable convolutions before batch norm: one behind them folds into their pointwise half. Activations before batch
# norm: a convolution with an activation of its own must not take in a batch norm that comes after that activation.
# Layers of one and three dimensions last, when all that folds has been folded. What makes dense
# layers or activations comes before what splits or replaces them.
REWRITES = (
    replace_static_shapes,
    take_integer_numbers,
    replace_operations,
    take_augmentation,
    spread_time_distributed,
    carry_masks,
    replace_masked_average,
    take_integer_indices,
    unroll_bidirectional,
    unroll_recurrent,
    repeat_by_joining,
    replace_resizing,
    turn_dilated_kernels,
    split_separable,
    make_depthwise,
    replace_einsum_dense,
    replace_attention,
    split_activations,
    replace_average,
    replace_dot,
    replace_rescaling,
    replace_convnext,
    replace_batch_norm,
    join_hard_swish,
    replace_elementary,
    replace_relu,
    scale_relu,
    replace_normalization,
    fold_affine,
    run_as_frames,
    run_as_images,
    chain_additions,
)


def prepare(
    model: Any, *, batch_norm: BatchNorm = "fold", max_unrolled_steps: int = 32, input_shapes: Any = None
) -> PreparedModel:
    """Returns one flat Functional model with the same outputs, without batch norm, nesting or activation arguments.

    model: a Sequential or Functional model of tf_keras or Keras 3, or the path of one; it is left as it is.
    batch_norm: `train_then_fold` keeps a batch norm right behind a kernel, so that training moves its statistics; it
    must be folded before export (`simulation.fold_trained`). max_unrolled_steps: the longest sequence over which a
    recurrent layer is unrolled; each step adds its operators to the file. input_shapes: sizes without the batch, or
    input name → sizes: fixes those that the model leaves open.
    Raises ModelError when the model cannot be taken, naming the layer.

    >>> import tf_keras
    >>> model = tf_keras.Sequential([
    ...     tf_keras.layers.Dense(4, use_bias=False, input_shape=(3,), name="hidden"),
    ...     tf_keras.layers.BatchNormalization(name="norm"),
    ...     tf_keras.layers.Activation("relu", name="relu"),
    ... ])
    >>> prepared = prepare(model)
    >>> [layer.name for layer in prepared.model.layers]
    ['hidden_input', 'hidden', 'relu']
    >>> prepared.origins["hidden"]
    ('hidden', 'norm')
    """
    model = require_functional(take_model(model, input_shapes=input_shapes))
    refuse_open_shapes(model)
    before = read_graph(model)
    refuse_scalar_inputs(before)
    refuse_staying_float(before)
    refuse_channels_first(before)
    graph = before
    chosen: dict[Any, Any] = {
        rewrite: partial(rewrite, max_steps=max_unrolled_steps) for rewrite in (unroll_bidirectional, unroll_recurrent)
    }
    if batch_norm == "train_then_fold":
        chosen[replace_batch_norm] = replace_lone_batch_norm
    for rewrite in REWRITES:
        graph = chosen.get(rewrite, rewrite)(graph)
    refuse_remaining(graph)
    graph = keep_output_names(graph)
    prove_same_graph(before, graph, "preparing it")
    nodes = dict(graph.nodes)
    graph = replace(graph, nodes=nodes)
    _round_to_float32(nodes)
    prepared = _prepared_from(graph)
    prove_same_outputs(model, prepared.model, "preparing it")
    return prepared


def fold_prepared(graph: Graph) -> PreparedModel:
    """A prepared graph that kept batch norm, with that folded."""
    return rebuild_prepared(graph, fold_affine(replace_batch_norm(graph)), "folding batch norm")


def rebuild_prepared(before: Graph, after: Graph, what: str) -> PreparedModel:
    """A prepared graph that was rewritten once more, as a model; what: the rewrite, for messages.

    Raises ModelError where both graphs, in float64, do not compute the same.
    """
    after = keep_output_names(after)
    prove_same_graph(before, after, what)
    return _prepared_from(after)


def _prepared_from(graph: Graph) -> PreparedModel:
    """The model of a graph that is proven, with what is not exact by design, and by less than float32 resolves."""
    graph = join_shared(keep_biases(graph))
    origins = {node.name: node.origins for node in graph.nodes.values()}
    return PreparedModel(model=build_model(graph), origins=origins)


def _round_to_float32(nodes: dict[str, Node]) -> None:
    """Rounds weights that a layer will hold in float32, here and one by one: in float64 they are twice the model."""
    for name, node in nodes.items():
        if node.config.get("dtype") == "float32":
            weights = (np.asarray(value, np.float32) if value.dtype == np.float64 else value for value in node.weights)
            nodes[name] = replace(node, weights=tuple(weights))
