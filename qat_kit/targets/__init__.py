"""What each runtime permits beyond the specification, each entry with its source."""

from __future__ import annotations

from qat_kit.registry import Registry
from qat_kit.targets.edge_tpu import EDGE_TPU
from qat_kit.targets.ethos_u import ETHOS_U55, ETHOS_U65, ETHOS_U85
from qat_kit.targets.litert import LITERT_BUILTIN, LITERT_REFERENCE
from qat_kit.targets.nnapi import NNAPI
from qat_kit.targets.qualcomm import HEXAGON, QUALCOMM_HTP
from qat_kit.targets.target import Obstacle, Target
from qat_kit.targets.tflite_micro import TFLITE_MICRO
from qat_kit.targets.types import (
    Fallback,
    LayerDescription,
    Limit,
    ModelDescription,
    OpSupport,
    Signature,
    Violation,
)
from qat_kit.targets.xnnpack import LITERT_XNNPACK

__all__ = [
    "Fallback",
    "LayerDescription",
    "Limit",
    "ModelDescription",
    "Obstacle",
    "OpSupport",
    "Signature",
    "Target",
    "Violation",
    "get_target",
    "target_names",
]

_REGISTRY = Registry(
    "target",
    Target,
    [
        *(LITERT_REFERENCE, LITERT_BUILTIN, LITERT_XNNPACK),
        *(TFLITE_MICRO, ETHOS_U55, ETHOS_U65, ETHOS_U85),
        *(EDGE_TPU, QUALCOMM_HTP, HEXAGON, NNAPI),
    ],
    group="qat_kit.targets",
)


def get_target(name_or_target: str | Target) -> Target:
    """The target of that name, or the target itself; raises UnknownNameError with the nearest names.

    >>> get_target("litert_reference").kernel_set
    'reference'
    """
    return name_or_target if isinstance(name_or_target, Target) else _REGISTRY.get(name_or_target)


def target_names() -> tuple[str, ...]:
    """The name of every target, those of plugins included."""
    return _REGISTRY.names()
