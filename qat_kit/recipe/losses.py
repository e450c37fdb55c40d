"""Losses by their names, so that a recipe can name one without loading TensorFlow."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any


def loss_named(name: str, **options: Any) -> Callable[[Any, Any], Any]:
    """A loss of `qat_kit.nets.losses` with these options; it is looked up when it is first computed."""

    def loss(labels: Any, outputs: Any) -> Any:
        return getattr(importlib.import_module("qat_kit.nets.losses"), name)(labels, outputs, **options)

    return loss
