"""What of a saved model's configuration would run code when Keras reads it.

Keras writes a Lambda's function as Python bytecode, and looks classes and functions up in any module that a file names.
tf_keras refuses the first only in `.keras` files, not in HDF5 nor SavedModels, and the second nowhere; so the
configuration is searched here, before Keras sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from qat_kit.errors import UnsafeModelError

_KERAS = ("keras", "tf_keras", "builtins")
_LAMBDA_PARTS = ("function", "output_shape", "mask")


def refuse_code(config: Any, *, path: Path, is_known: Callable[[str], bool]) -> None:
    """Raises UnsafeModelError where reading `config` would run code from the file or from a module that it names.

    is_known: whether a name is among the custom objects or registered with Keras.
    """
    for layer in _objects(config):
        name = _name(layer)
        if layer["class_name"] == "Lambda":
            for part in _LAMBDA_PARTS:
                _check_lambda(layer["config"], part, name, path, is_known)
        if layer["class_name"] == "__lambda__":
            _refuse_bytecode(path, "a layer")
        _check_module(layer, path, is_known)


def with_registered_names(config: Any, custom_objects: Mapping[str, Any]) -> dict[str, Any]:
    """The custom objects, also under the names by which the file knows them (`package>Name`)."""
    named = dict(custom_objects)
    for layer in _objects(config):
        registered, short = layer.get("registered_name"), str(layer["class_name"]).rpartition(">")[2]
        for known_as in (registered, layer["class_name"]):
            if isinstance(known_as, str) and short in custom_objects:
                named.setdefault(known_as, custom_objects[short])
    return named


def _objects(config: Any) -> Iterator[dict[str, Any]]:
    """Every serialised object within, outer ones first. Not recursive: a hostile file may nest as deep as it likes."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if isinstance(value.get("class_name"), str) and "config" in value:
                yield value
            waiting.extend(reversed(list(value.values())))
        elif isinstance(value, list | tuple):
            waiting.extend(reversed(value))


def _name(layer: Mapping[str, Any]) -> str:
    inner = layer["config"]
    given = layer.get("name") or (inner.get("name") if isinstance(inner, dict) else None)
    return str(given or layer["class_name"])


def _check_lambda(config: Any, part: str, name: str, path: Path, is_known: Callable[[str], bool]) -> None:
    if not isinstance(config, dict):
        return
    function, written_as = config.get(part), config.get(f"{part}_type")
    if written_as == "lambda" or (isinstance(function, dict) and function.get("class_name") == "__lambda__"):
        _refuse_bytecode(path, f"the Lambda layer {name!r}")
    if isinstance(function, dict) and function.get("class_name") == "function":
        function, written_as = function.get("config"), "function"
    if isinstance(function, str) and (part == "function" or written_as == "function") and not is_known(function):
        raise UnsafeModelError(
            f"{path}: the Lambda layer {name!r} calls the function {function!r} by name, and a file may name any "
            f"function. Pass the one that is meant, `custom_objects={{{function!r}: …}}`, or, if you trust the file, "
            "unsafe=True"
        )


def _refuse_bytecode(path: Path, what: str) -> None:
    raise UnsafeModelError(
        f"{path}: {what} brings its function along as Python bytecode, which could do anything when it is run. If you "
        "trust the file, pass unsafe=True; better replace the Lambda by a layer (Rescaling, Reshape, …) and save the "
        "model again"
    )


def _check_module(layer: Mapping[str, Any], path: Path, is_known: Callable[[str], bool]) -> None:
    kind, module = layer["class_name"], layer.get("module")
    is_function = kind == "function"
    name = layer["config"] if is_function else layer.get("registered_name") or kind
    if not isinstance(module, str) or module.split(".")[0] in _KERAS or (isinstance(name, str) and is_known(name)):
        return
    what, shown = ("function", name) if is_function else (f"layer {_name(layer)!r} of the class", kind)
    raise UnsafeModelError(
        f"{path}: the {what} {shown!r} comes from the module {module!r}, not from Keras. Pass it, "
        f"`custom_objects={{{str(shown).rpartition('>')[2]!r}: …}}`, or import the module that registers it "
        "(`register_keras_serializable`) first"
    )
