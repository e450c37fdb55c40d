"""What `FakeQuantize` layers say of the tensors that they stand behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qat_kit.errors import SchemeError, UnsupportedLayerError
from qat_kit.layers import FakeQuantize
from qat_kit.layers.fake_quantize import RangeSource
from qat_kit.numerics import TensorSpec, choose_qparams
from qat_kit.prepare.graph import Graph, Node
from qat_kit.spec import ScaleZeroPoint


@dataclass(frozen=True, kw_only=True)
class HandPlaced:
    """Where a group's range comes from; fixed: the parameters of a fixed one, else None."""

    layer: str
    range_source: RangeSource
    fixed: ScaleZeroPoint | None


def hand_placed(graph: Graph, groups: Mapping[str, str], *, spec: TensorSpec) -> dict[str, HandPlaced]:
    """Group → what its layers say. spec: of activations.

    Raises SchemeError where a layer has other bits than the scheme, UnsupportedLayerError where two disagree.
    """
    found: dict[str, HandPlaced] = {}
    for name, node in graph.nodes.items():
        if node.layer_class is not FakeQuantize:
            continue
        if node.config["num_bits"] != spec.num_bits:
            raise SchemeError(
                f"layer {name!r} (FakeQuantize) has {node.config['num_bits']} bits, and the scheme's activations have "
                f"{spec.num_bits}: give both the same"
            )
        said = HandPlaced(layer=name, range_source=node.config["range_source"], fixed=_fixed(node, spec))
        first = found.setdefault(groups[name], said)
        if (first.range_source, first.fixed) != (said.range_source, said.fixed):
            raise UnsupportedLayerError(
                name,
                "FakeQuantize",
                f"Its tensor has one range with that of layer {first.layer!r}, which says otherwise; make them alike.",
            )
    return found


def _fixed(node: Node, spec: TensorSpec) -> ScaleZeroPoint | None:
    if node.config["range_source"] != "fixed":
        return None
    params = choose_qparams(node.config["minimum"], node.config["maximum"], spec)
    return ScaleZeroPoint(float(params.scale), int(params.zero_point))
