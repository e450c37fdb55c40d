"""A model from a file of any Keras: `.keras` and `.h5` of tf_keras and Keras 3, SavedModel folders of tf_keras."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tf_keras
from tf_keras.src.saving.serialization_lib import SafeModeScope

from qat_kit.errors import KerasFileError
from qat_kit.prepare.formats import EXPECTED, KerasFile, recognise
from qat_kit.prepare.keras3 import as_tf_keras
from qat_kit.prepare.safety import refuse_code, with_registered_names

# What tf_keras makes of a SavedModel's layer whose class it does not have: a box with a graph inside.
_REVIVED = "tf_keras.src.saving.legacy.saved_model"


def load_any(
    path: str | os.PathLike[str], *, custom_objects: Mapping[str, Any] | None = None, unsafe: bool = False
) -> tf_keras.Model:
    """A model of tf_keras from a file of either Keras; one of Keras 3 is carried over (`as_tf_keras`).

    path: a `.keras` or `.h5` file, or a SavedModel folder that tf_keras wrote. The generation is read from the file.
    custom_objects: class or function by name, for what is not Keras' own.
    unsafe: whether code that the file brings along (the function of a Lambda layer) may be run.

    Raises KerasFileError where there is no Keras model in it, saying what it is; UnsafeModelError for code without
    `unsafe`; ModelError where Keras 3's model cannot be carried over.

    >>> import tempfile
    >>> model = tf_keras.Sequential([tf_keras.Input((4,)), tf_keras.layers.Dense(2)], name="net")
    >>> model.save(path := Path(tempfile.mkdtemp()) / "model.keras")
    >>> load_any(path).name
    'net'
    """
    file = recognise(Path(path).expanduser())
    custom = with_registered_names(file.configs, custom_objects or {})
    if not unsafe:
        for config in file.configs:
            refuse_code(config, path=file.path, is_known=lambda name: _registered(file, name, custom) is not None)
    model = _read(file, custom, unsafe)
    _refuse_revived(model, file.path)
    return as_tf_keras(model)


def _registered(file: KerasFile, name: str, custom_objects: Mapping[str, Any]) -> Any:
    if file.generation == 3:
        import keras

        return keras.saving.get_registered_object(name, custom_objects=custom_objects)
    return tf_keras.saving.get_registered_object(name, custom_objects=custom_objects)


def _read(file: KerasFile, custom_objects: dict[str, Any], unsafe: bool) -> Any:
    """Has the right Keras read the file. Whatever it raises is about this file, and is said in one line."""
    required = ".keras" if file.format == "keras" else ".h5"
    if file.format != "saved_model" and file.path.suffix not in (required, ".hdf5"):
        raise KerasFileError(
            f"{file.path} holds a Keras model, but Keras reads it only under a name that ends in {required}; rename it"
        )
    try:
        if file.generation == 3:
            import keras

            return keras.saving.load_model(
                file.path, custom_objects=custom_objects, compile=False, safe_mode=not unsafe
            )
        with SafeModeScope(not unsafe), tf_keras.saving.custom_object_scope(custom_objects):
            return tf_keras.models.load_model(file.path, compile=False, safe_mode=not unsafe)
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise KerasFileError(
            f"Keras could not read {file.path}: {reason[:300]}. A class that is not Keras' own is passed by "
            "`custom_objects={name: class}`; a damaged file must be saved again"
        ) from error


def _refuse_revived(model: Any, path: Path) -> None:
    if not hasattr(model, "layers"):
        raise KerasFileError(f"{path} holds a {type(model).__name__} and no model; expected {EXPECTED}")
    for layer in (model, *model.layers):
        if type(layer).__module__.startswith(_REVIVED):
            kind = type(layer).__name__
            raise KerasFileError(
                f"the SavedModel {path} holds {layer.name!r} of the class {kind!r}, which is not Keras' own: only its "
                f"graph is there, not its layers. Pass the class: `custom_objects={{{kind!r}: {kind}}}`"
            )
