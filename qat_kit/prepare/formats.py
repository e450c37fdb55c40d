"""Which file holds a Keras model: recognised by what is in it, not by what it is called.

Nothing is deserialised here. What a file says of itself is read as JSON, for `loading` to judge before Keras reads it.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

from qat_kit.errors import KerasFileError

Format = Literal["keras", "h5", "saved_model"]

EXPECTED = (
    "a `.keras` or `.h5` file of a whole model (tf_keras or Keras 3), or a SavedModel folder written by tf_keras' "
    "`model.save`"
)

_WEIGHTS_ONLY = (
    "weights without the model's architecture",
    "Build the model in Python, call `model.load_weights(path)` and hand in the model, or save it whole: "
    '`model.save("model.keras")`',
)
PYTORCH_REMEDY = (
    "Build the same network in Keras and carry its weights over with `layer.set_weights` (a PyTorch kernel is "
    "[out, in, height, width], a Keras one [height, width, in, out])"
)
TFLITE_REMEDY = (
    "`qat-kit verify` and `qat-kit inspect` read it; to quantize, give the Keras model that it was made from"
)
_PYTORCH = ("a PyTorch file", PYTORCH_REMEDY)
_PICKLE = (
    "a Python pickle",
    "It is not opened, since unpickling runs whatever code is in it. Save a Keras model with "
    '`model.save("model.keras")`; other estimators cannot be quantized here',
)
_TFLITE = ("a .tflite file, which is converted already", TFLITE_REMEDY)
_TREES = ("a file of decision trees", "They have no layers to quantize. Give a Keras model")
_ARRAYS = ("NumPy arrays", "Build the model in Python and set its weights, then hand in the model")
_GRAPH = (
    "a TensorFlow graph without Keras layers",
    'Load the Keras model that it was made from and save that: `model.save("model.keras")`',
)
# What people have beside Keras models, by the end of the name: what it is, and what to do.
_OTHERS = {
    **dict.fromkeys((".pt", ".pth", ".ckpt.pt"), _PYTORCH),
    ".onnx": (
        "an ONNX model",
        "Carry it over to Keras first (onnx2tf does) and save that with `model.save`, or build the network in Keras",
    ),
    **dict.fromkeys((".pkl", ".pickle", ".joblib"), _PICKLE),
    **dict.fromkeys((".xgb", ".ubj"), _TREES),
    ".tflite": _TFLITE,
    **dict.fromkeys((".npz", ".npy"), _ARRAYS),
    **dict.fromkeys((".ckpt", ".index", ".safetensors", ".weights.h5"), _WEIGHTS_ONLY),
    ".json": (
        "a JSON text, at most the architecture without weights",
        'Save architecture and weights in one file: `model.save("model.keras")`',
    ),
    **dict.fromkeys((".pb", ".pbtxt"), _GRAPH),
    ".py": ("a Python file", "A recipe is run by `qat-kit run`; a model is handed in as `.keras`, `.h5` or an object"),
}


@dataclass(frozen=True, kw_only=True)
class KerasFile:
    """A file of a Keras model, recognised.

    generation: 2 for tf_keras (and Keras before 3), 3 for Keras 3. configs: what it says of its layers, as read from
    JSON.
    """

    path: Path
    format: Format
    generation: Literal[2, 3]
    configs: tuple[Any, ...]


def recognise(path: Path) -> KerasFile:
    """What kind of Keras file this is. Raises KerasFileError for anything else, saying what it is and what to do."""
    if not path.exists():
        raise KerasFileError(f"there is no file or folder {path}; expected {EXPECTED}")
    if path.is_dir():
        return _folder(path)
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise KerasFileError(f"could not read {path}: {error.strerror or error}") from None
    if not head:
        raise KerasFileError(f"{path} is empty; expected {EXPECTED}")
    if head.startswith(b"PK"):
        return _archive(path)
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return _hdf5(path)
    if head[4:8] == b"TFL3":
        _refuse(path, *_TFLITE)
    _refuse_by_name(path)
    if head[0] == 0x80 and 2 <= head[1] <= 5:
        _refuse(path, *_PICKLE)
    raise KerasFileError(
        f"{path} holds no model that is known here: it is neither a zip archive nor HDF5, it begins with {head[:8]!r}. "
        f"It is damaged or of another format; expected {EXPECTED}"
    )


def _archive(path: Path) -> KerasFile:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if any(name.endswith("data.pkl") for name in names):
                _refuse(path, *_PYTORCH)
            if "config.json" not in names or "metadata.json" not in names:
                _refuse_by_name(path)
                raise KerasFileError(f"{path} is a zip archive without a Keras model; expected {EXPECTED}")
            config, metadata = json.loads(archive.read("config.json")), json.loads(archive.read("metadata.json"))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        _refuse_damaged(path, error)
    return KerasFile(path=path, format="keras", generation=_generation(metadata), configs=(config,))


def _hdf5(path: Path) -> KerasFile:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            config, version = file.attrs.get("model_config"), file.attrs.get("keras_version", "2")
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        _refuse_damaged(path, error)
    if config is None:
        _refuse(path, *_WEIGHTS_ONLY)
    try:
        read = json.loads(config)
    except ValueError as error:
        _refuse_damaged(path, error)
    return KerasFile(path=path, format="h5", generation=_generation({"keras_version": version}), configs=(read,))


def _folder(path: Path) -> KerasFile:
    if not (path / "saved_model.pb").is_file():
        raise KerasFileError(f"the folder {path} is no SavedModel, it has no saved_model.pb; expected {EXPECTED}")
    metadata = path / "keras_metadata.pb"
    if not metadata.is_file():
        raise KerasFileError(
            f"the SavedModel {path} holds a graph without Keras layers (no keras_metadata.pb), to run and not to "
            "train, as Keras 3's `model.export`, `tf.saved_model.save` and TensorFlow Hub write it. Save the Keras "
            'model that it was made from: `model.save("model.keras")`'
        )
    from google.protobuf.message import DecodeError
    from tf_keras.protobuf import saved_metadata_pb2

    try:
        nodes = saved_metadata_pb2.SavedMetadata.FromString(metadata.read_bytes()).nodes
        configs = tuple(json.loads(node.metadata) for node in nodes if node.metadata)
    except (DecodeError, ValueError, OSError) as error:
        _refuse_damaged(path, error)
    return KerasFile(path=path, format="saved_model", generation=2, configs=configs)


def _generation(metadata: Any) -> Literal[2, 3]:
    """Which Keras wrote it; `keras_version` is "2.15.0", "2.4.0-tf" or "3.15.1" (tf_keras says 2)."""
    version = metadata.get("keras_version", "2") if isinstance(metadata, dict) else "2"
    major = version.decode() if isinstance(version, bytes) else str(version)
    return 3 if major.split(".")[0].isdigit() and int(major.split(".")[0]) >= 3 else 2


def _refuse_by_name(path: Path) -> None:
    for suffix, (what, remedy) in _OTHERS.items():
        if path.name.lower().endswith(suffix):
            _refuse(path, what, remedy)


def _refuse(path: Path, what: str, remedy: str) -> NoReturn:
    raise KerasFileError(f"{path} is {what}; expected {EXPECTED}. {remedy}")


def _refuse_damaged(path: Path, error: Exception) -> NoReturn:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    raise KerasFileError(f"{path} is damaged or cut short: {reason}. Save or download it again") from None
