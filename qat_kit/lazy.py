"""Names of a package that are imported when they are first asked for: `names_of`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def names_of(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """A package's `__getattr__`. homes: name → the module in the package that has it.

    For packages that a process needs a part of, and waits for the whole: a child that runs a `.tflite` file starts in
    0.12 s so. A name must not be that of a module beside it, which would take its place once it is imported.

    >>> get = names_of("collections", {"Mapping": "abc"})
    >>> get("Mapping").__name__
    'Mapping'
    >>> get("Maping")
    Traceback (most recent call last):
    AttributeError: module 'collections' has no attribute 'Maping'
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)

    return get
