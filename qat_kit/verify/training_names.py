"""How a tensor of a file is told to be one of training, and told in words."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from qat_kit.litert.records import Subgraph, Tensor
from qat_kit.results import TrainedTensor, TrainedTensors
from qat_kit.verify.naming import named_layers
from qat_kit.verify.subject import Subject

CONVERT_AGAIN = "convert the model that was trained, with the tensors.json that was written beside it"


def trained_of(subject: Subject) -> TrainedTensors:
    """What training used; nothing where that is not known."""
    return subject.trained or TrainedTensors()


def layers_of(subject: Subject, graph: Subgraph, tensor: Tensor, trained: Iterable[str]) -> list[str]:
    """The trained layers that a tensor's name holds, or that of its operator's weights."""
    found = named_layers(subject.full_name(graph, tensor), trained)
    step = subject.maker(graph, tensor)
    if found or step is None:
        return found
    # A result that the converter renamed: its weights still say whose it is.
    return [layer for weight in step.constant_weights for layer in named_layers(weight.name, trained)]


def is_equal(tensor: Tensor, trained: TrainedTensor) -> bool:
    """Whether scales and zero points are the same, to the bit."""
    scale = np.asarray(trained.scale, np.float32)
    zero_point = np.asarray(trained.zero_point, np.int64)
    return np.array_equal(tensor.scale, scale) and np.array_equal(tensor.zero_point, zero_point)


def in_words(tensor: Tensor) -> str:
    """A tensor's first scale and zero point."""
    return f"scale {float(tensor.scale[0])!r} and zero point {int(tensor.zero_point[0])}"


def trained_in_words(trained: TrainedTensor) -> str:
    """The first scale and zero point of training, and how many more there are."""
    more = f" (and {len(trained.scale) - 1} more)" if len(trained.scale) > 1 else ""
    return f"scale {trained.scale[0]!r} and zero point {trained.zero_point[0]}{more}"
