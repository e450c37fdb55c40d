"""Models of other libraries, told by the module of their class, and what to do with each. None of them is imported."""

from __future__ import annotations

import sys
from types import FunctionType
from typing import Any

from qat_kit.errors import ForeignModelError
from qat_kit.prepare.formats import EXPECTED, PYTORCH_REMEDY, TFLITE_REMEDY

_ESTIMATOR = (
    "It has no layers to quantize. Train a small network of tf_keras or Keras 3 on the same data (for a linear model, "
    "one Dense layer with its coefficients as weights)"
)
_TREES = "Decision trees have no layers to quantize. Train a network of tf_keras or Keras 3 on the same data"
_ARRAY_CODE = "Build the same network in Keras and carry its weights over with `layer.set_weights`"
_ONNX = "Carry it over to Keras first (onnx2tf does), save that with `model.save`, and hand in the path"
_GRAPH = (
    "It holds a graph and no Keras layers. Hand in the Keras model, or build the network with `tf_keras.Input`, layers "
    "and `tf_keras.Model(inputs, outputs)`"
)
_TFLITE = f"It is converted already: {TFLITE_REMEDY}"
_IN_A_MODEL = "Put it into a model: `{0}.Sequential([{0}.Input(shape), layer])`"
# By the beginning of the module of a class, the more specific first: what it is, and what to do.
_KINDS = {
    "torch": ("a PyTorch model", PYTORCH_REMEDY),
    "onnx": ("an ONNX model", _ONNX),
    "onnxruntime": ("an ONNX session", _ONNX),
    # Trees first: they inherit from scikit-learn's classes where it is installed.
    "xgboost": ("an XGBoost model", _TREES),
    "lightgbm": ("a LightGBM model", _TREES),
    "catboost": ("a CatBoost model", _TREES),
    "sklearn": ("a scikit-learn estimator", _ESTIMATOR),
    "flax": ("a Flax model", _ARRAY_CODE),
    "equinox": ("an Equinox model", _ARRAY_CODE),
    "tf_keras.src.engine.base_layer": ("a layer of tf_keras", _IN_A_MODEL.format("tf_keras")),
    "keras.src.layers": ("a layer of Keras 3", _IN_A_MODEL.format("keras")),
    "tensorflow.lite": ("a TFLite object", _TFLITE),
    "ai_edge_litert": ("a LiteRT interpreter", _TFLITE),
    "tensorflow.python.saved_model": ("a SavedModel as `tf.saved_model.load` gives it", _GRAPH),
    "tensorflow.python.module": ("a tf.Module", _GRAPH),
    "tensorflow.python.eager": ("a TensorFlow function", _GRAPH),
    "tensorflow": ("an object of TensorFlow", _GRAPH),
}


def refuse_foreign(model: object) -> None:
    """Raises ForeignModelError for what is no Keras model, naming its kind and what to do.

    >>> refuse_foreign(b"\\x1c\\x00\\x00\\x00TFL3")
    Traceback (most recent call last):
    ...
    qat_kit.errors.ForeignModelError: received the bytes of a .tflite file. It is converted already: `qat-kit verify`
    and `qat-kit inspect` read it; to quantize, give the Keras model that it was made from
    """
    if isinstance(model, bytes | bytearray):
        if bytes(model[4:8]) == b"TFL3":
            raise ForeignModelError(f"received the bytes of a .tflite file. {_TFLITE}")
        raise ForeignModelError(f"received {len(model)} bytes. Write them to a file and hand in its path: {EXPECTED}")
    if isinstance(model, type | FunctionType):
        kind = "class" if isinstance(model, type) else "function"
        raise ForeignModelError(
            f"received the {kind} {model.__name__!r}, not the model that it makes. Call it: `{model.__name__}(…)`"
        )
    found = _kind_of(model)
    received = f"{type(model).__module__}.{type(model).__qualname__}"
    if found is None:
        raise ForeignModelError(f"expected a model of tf_keras or Keras 3, or the path of one, received {received}")
    what, remedy = found
    raise ForeignModelError(f"received {what} ({received}). {remedy}")


def refuse_other_backend(model: Any) -> None:
    """Raises ForeignModelError for a Keras 3 model whose weights are not TensorFlow's."""
    backend = sys.modules["keras"].backend.backend()
    if backend != "tensorflow":
        raise ForeignModelError(
            f"model {model.name!r} is of Keras 3 on the backend {backend!r}; training and conversion are TensorFlow's. "
            'Save it, `model.save("model.keras")`, and hand in that path in a process that runs with '
            "KERAS_BACKEND=tensorflow"
        )


def _kind_of(model: object) -> tuple[str, str] | None:
    modules = [kind.__module__ for kind in type(model).__mro__]
    for start, kind in _KINDS.items():
        if any(module == start or module.startswith(f"{start}.") for module in modules):
            return kind
    return None
