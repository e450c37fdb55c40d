"""Dense layers and 1×1 convolutions as two thinner ones, by a truncated SVD of their kernels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tf_keras
from numpy.typing import NDArray

from qat_kit.compress.factorization import factorize_quantized, svd_factors
from qat_kit.compress.ranks import Rank, Spectrum, choose_ranks
from qat_kit.errors import SettingsError, UnknownNameError
from qat_kit.prepare.building import build_model
from qat_kit.prepare.decomposition import Decomposition
from qat_kit.prepare.graph import Graph, Node
from qat_kit.prepare.reading import read_graph
from qat_kit.prepare.sharing import join_shared
from qat_kit.results import PreparedModel

_layers = tf_keras.layers
# What both new layers have of the old one's configuration, and what the second alone has.
_OF_BOTH = ("kernel_initializer", "kernel_regularizer")
_OF_SECOND = ("activation", "use_bias", "bias_initializer", "bias_regularizer", "bias_constraint")


@dataclass(frozen=True, kw_only=True)
class FactorizedLayer:
    """What became of a layer. kept_energy: the share of its squared singular values that its rank keeps."""

    rank: int
    full_rank: int
    kept_energy: float


@dataclass(frozen=True, kw_only=True)
class LowRankModel:
    """A prepared model with two thin layers in the place of each of `factorized`.

    left: layers that could have been factorized and were not, since their ranks would save nothing, with those ranks.
    """

    prepared: PreparedModel
    factorized: Mapping[str, FactorizedLayer]
    left: Mapping[str, int]
    num_parameters_before: int
    num_parameters_after: int


def factorize_layers(
    prepared: PreparedModel,
    *,
    rank: Rank | None = None,
    energy: float | None = None,
    max_parameters: int | None = None,
    rank_multiple: int = 1,
    layers: Iterable[str] | None = None,
    weight_bits: int | None = None,
) -> LowRankModel:
    """Puts Dense(rank, no bias) → Dense(units) in the place of Dense(units), and likewise for 1×1 convolutions.

    rank: one number for all layers, or layer → number, for these layers alone. energy: the share of squared singular
    values that each layer keeps, above 0 to 1. max_parameters: of the whole model; every layer keeps the same share of
    its energy, the largest with which the budget is kept. Exactly one of the three is given. rank_multiple: ranks are
    rounded up to it (vector instructions take 4, 8 or 16 channels at a time). layers: only these; all that can be,
    where left out. weight_bits: the factors are made for kernels quantized to so many bits (`factorize_quantized`), and
    lie on that grid; else they are those of the SVD. The second layer has the name of the old one, the first that name
    and `_factor`. Constraints of a kernel speak of the whole and do not stay.

    Raises SettingsError: a rank of 0 or above the matrix, an energy or a budget that cannot be, a layer without such a
    kernel; UnknownNameError for a layer that is not there.

    Source: Denil et al. 2013, "Predicting parameters in deep learning", arXiv:1306.0543; Denton et al. 2014,
    arXiv:1404.0736.

    >>> from qat_kit.prepare import prepare
    >>> model = tf_keras.Sequential([tf_keras.layers.Dense(20, input_shape=(30,), name="hidden")])
    >>> found = factorize_layers(prepare(model), rank=4)
    >>> [layer.name for layer in found.prepared.model.layers]
    ['hidden_input', 'hidden_factor', 'hidden']
    >>> found.num_parameters_before, found.num_parameters_after
    (620, 220)
    """
    graph = read_graph(prepared.model)
    nodes = _chosen(graph, rank if isinstance(rank, Mapping) else None, layers)
    num_parameters = int(prepared.model.count_params())
    spectra = {name: Spectrum.of(name, _matrix(node)) for name, node in nodes.items()}
    ranks = choose_ranks(
        list(spectra.values()),
        rank=rank,
        energy=energy,
        max_parameters=max_parameters,
        num_parameters=num_parameters,
        multiple=rank_multiple,
    )
    factorized = {name: number for name, number in ranks.items() if spectra[name].saves(number)}
    for name, number in factorized.items():
        matrix = _matrix(nodes[name])
        if weight_bits is None:
            factors = svd_factors(matrix, rank=number)
        else:
            found = factorize_quantized(matrix, rank=number, num_bits=weight_bits)
            factors = found.first, found.second
        for place in tuple(graph.nodes.values()):
            if _layer_of(place) == name:
                graph = _split(Decomposition(graph, place), *factors)
    graph = join_shared(graph)
    model = build_model(graph)
    origins = {
        node.name: tuple(dict.fromkeys(origin for layer in node.origins for origin in prepared.origins[layer]))
        for node in graph.nodes.values()
    }
    return LowRankModel(
        prepared=PreparedModel(model=model, origins=origins),
        factorized={
            name: FactorizedLayer(
                rank=number,
                full_rank=spectra[name].full_rank,
                kept_energy=1 - float(spectra[name].lost[number - 1]),
            )
            for name, number in factorized.items()
        },
        left={name: number for name, number in ranks.items() if name not in factorized},
        num_parameters_before=num_parameters,
        num_parameters_after=int(model.count_params()),
    )


def _split(parts: Decomposition, first: NDArray[Any], second: NDArray[Any]) -> Graph:
    """The node's graph with two layers for it; a convolution's strides go to the first, which has less to do so."""
    node, config = parts.node, parts.node.config
    _, *bias = node.weights
    number = first.shape[1]
    is_image = node.layer_class is _layers.Conv2D
    units = "filters" if is_image else "units"
    both = {key: config[key] for key in _OF_BOTH} | ({"kernel_size": 1} if is_image else {})
    kernels = [factor[None, None] if is_image else factor for factor in (first, second)]
    thin = parts.add(
        node.layer_class,
        *node.inputs,
        part="factor",
        shape=(*node.output_shape[:-1], number),
        weights=(kernels[0],),
        use_bias=False,
        **{units: number},
        **both,
        **({"strides": config["strides"]} if is_image else {}),
    )
    return parts.replaced(
        parts.add(
            node.layer_class,
            thin,
            part="expanded",
            shape=node.output_shape,
            weights=(kernels[1], *bias),
            **{key: config[key] for key in (units, *_OF_SECOND)},
            **both,
        )
    )


def _chosen(graph: Graph, rank: Mapping[str, int] | None, layers: Iterable[str] | None) -> dict[str, Node]:
    """The layers to factorize by name, one node each, or the reason why one of those asked for cannot be."""
    able = {_layer_of(node): node for node in graph.nodes.values() if _has_matrix(node)}
    if layers is None and rank is None:
        return able
    if layers is not None and rank is not None:
        raise SettingsError("ranks by layer name their layers already: leave `layers` out, or give one rank")
    asked = dict.fromkeys((*(layers or ()), *(rank or ())))
    for name in asked:
        if name not in graph.nodes:
            raise UnknownNameError("layer", name, able)
        if name not in able:
            raise SettingsError(
                f"layer {name!r} ({graph.nodes[name].kind}) has no matrix to factorize: expected a Dense layer or a "
                f"1×1 Conv2D without groups, of which there are: {', '.join(able) or 'none'}"
            )
    return {name: able[name] for name in asked}


def _layer_of(node: Node) -> str:
    """The layer that a node is a call of."""
    return node.shares or node.name


def _has_matrix(node: Node) -> bool:
    if node.layer_class is _layers.Dense:
        return True
    is_pointwise = node.layer_class is _layers.Conv2D and tuple(node.config["kernel_size"]) == (1, 1)
    return is_pointwise and node.config["groups"] == 1


def _matrix(node: Node) -> NDArray[np.float64]:
    """The kernel as [inputs, outputs]."""
    kernel = node.weights[0]
    return np.asarray(kernel.reshape(kernel.shape[-2:]), np.float64)
