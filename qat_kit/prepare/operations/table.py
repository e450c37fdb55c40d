"""How a front end's operation is handed to the function that makes layers of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qat_kit.prepare.operations.lowering import Lowering, Tensor

Result = Tensor | list[Tensor]


@dataclass(frozen=True)
class Form:
    """function: makes the layers. renamed: its parameter → the name of it there. fixed: what the operation implies."""

    function: Callable[..., Result]
    renamed: Mapping[str, str]
    fixed: Mapping[str, Any]

    def parameters(self) -> dict[str, Any]:
        """What the operation may be given, by the names of its front end → the default, `inspect.Parameter.empty`."""
        _, *own = inspect.signature(self.function).parameters.values()
        return {
            self.renamed.get(parameter.name, parameter.name): parameter.default
            for parameter in own
            if parameter.name not in self.fixed
        }


def form(function: Callable[..., Result], /, fixed: Mapping[str, Any] | None = None, **renamed: str) -> Form:
    """An entry of a table."""
    return Form(function=function, renamed=renamed, fixed=fixed or {})


def lower(step: Lowering, entry: Form, arguments: Mapping[str, Any], defaults: Mapping[str, Any]) -> Sequence[Tensor]:
    """The layers of one operation; every argument is taken, has its default, or is refused by name.

    defaults: of the front end's own signature.
    """
    names = {entry.renamed.get(name, name): name for name in inspect.signature(entry.function).parameters}
    given = dict(entry.fixed)
    for key, value in arguments.items():
        if key in names and names[key] not in entry.fixed:
            given[names[key]] = value
        elif key != "name" and not (key in defaults and _is_equal(value, defaults[key])):
            step.refuse(f"Its argument {key}={value!r} cannot be carried into a layer; leave it out.")
    result = entry.function(step, **given)
    return result if isinstance(result, list) else [result]


def _is_equal(value: Any, default: Any) -> bool:
    return value is default or (np.ndim(value) == np.ndim(default) == 0 and bool(value == default))
