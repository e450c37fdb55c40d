"""What is no Keras model is named by its kind, with what to do; none of the other libraries is imported for it."""

from __future__ import annotations

import sys
from types import ModuleType

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from qat_kit.errors import ForeignModelError
from qat_kit.prepare import prepare
from tests.support.conversion import converted_bytes, fake


def raw_module():
    module = tf.Module()
    module.infer = tf.function(lambda value: value + 1, input_signature=[tf.TensorSpec((None, 6))])
    return module


def loaded_graph(folder):
    tf.saved_model.save(raw_module(), str(folder))
    return tf.saved_model.load(str(folder))


def fitted_estimator():
    return LogisticRegression().fit(np.arange(8.0).reshape(4, 2), [0, 1, 0, 1])


RECEIVED = {
    "estimator": (lambda folder: fitted_estimator(), "a scikit-learn estimator .*one Dense layer"),
    "pipeline": (
        lambda folder: make_pipeline(StandardScaler(), LogisticRegression()),
        r"a scikit-learn estimator \(sklearn\.pipeline\.Pipeline\)",
    ),
    "module": (lambda folder: raw_module(), "a tf.Module.*no Keras layers"),
    "saved_model": (loaded_graph, "a SavedModel as `tf.saved_model.load` gives it"),
    "function": (lambda folder: raw_module().infer, "a TensorFlow function"),
    "concrete_function": (lambda folder: raw_module().infer.get_concrete_function(), "TensorFlow function"),
    "tflite_bytes": (lambda folder: converted_bytes(fake, (1, 6)), "bytes of a .tflite file.*converted already"),
    "bytes": (lambda folder: b"PK\x03\x04", "received 4 bytes.*hand in its path"),
    "converter": (lambda folder: tf.lite.TFLiteConverter([], None), "a TFLite object"),
    "layer": (lambda folder: tf_keras.layers.Dense(2), r"a layer of tf_keras.*tf_keras\.Sequential\("),
    "layer3": (lambda folder: keras.layers.Dense(2), r"a layer of Keras 3.*`keras\.Sequential\("),
    "class": (lambda folder: tf_keras.Sequential, r"the class 'Sequential'.*`Sequential\(…\)`"),
    "builder": (lambda folder: raw_module, r"the function 'raw_module'.*Call it"),
    "none": (lambda folder: None, r"expected a model .*received builtins\.NoneType"),
    "array": (lambda folder: np.zeros(3), r"received numpy\.ndarray"),
}


@pytest.mark.parametrize("name", RECEIVED)
def test_what_is_no_keras_model_is_named_by_its_kind(tmp_path, name):
    make, words = RECEIVED[name]
    with pytest.raises(ForeignModelError, match=words):
        prepare(make(tmp_path / "saved"))


@pytest.mark.parametrize(
    ("module", "bases", "words"),
    [
        ("torch.nn.modules.module", (), "a PyTorch model .*set_weights"),
        ("onnx.onnx_ml_pb2", (), "an ONNX model .*onnx2tf"),
        ("xgboost.sklearn", (LogisticRegression,), "an XGBoost model .*Decision trees"),
        ("lightgbm.basic", (), "a LightGBM model"),
        ("onnxruntime.capi.onnxruntime_inference_collection", (), "an ONNX session"),
    ],
)
def test_libraries_that_are_not_installed_here_are_told_by_the_module_of_the_class(module, bases, words):
    """The class below only has its module's name: it shows that the name decides, also in an ancestor."""
    ancestor = type("Ancestor", bases, {"__module__": module})
    mine = type("Mine", (ancestor,), {"__module__": "my_project.models"})
    assert not isinstance(sys.modules.get(module.split(".")[0]), ModuleType)
    with pytest.raises(ForeignModelError, match=words):
        prepare(mine())
