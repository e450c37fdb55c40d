"""Tensors in the place of a layer's weights, for one call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


@contextmanager
def lent(layer: Any, attributes: Mapping[str, Any]) -> Iterator[None]:
    """Lends a layer attributes for one call, past Keras' tracking."""
    own = {name: layer.__dict__[name] for name in attributes}
    layer.__dict__.update(attributes)
    try:
        yield
    finally:
        layer.__dict__.update(own)
