"""Models from files: both generations, every format, and one clear error for each thing that is no Keras model."""

from __future__ import annotations

import json
import pickle
import shutil
import warnings
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from qat_kit.errors import KerasFileError, UnsafeModelError
from qat_kit.prepare import load_any, prepare
from qat_kit.prepare.safety import refuse_code
from tests.support.conversion import converted_bytes, fake

SAMPLES = np.random.default_rng(2).normal(size=(5, 6)).astype(np.float32)


def plain(kit):
    """The same net in either generation, with weights that are nobody's default."""
    model = kit.Sequential(
        [
            kit.Input((6,), name="features"),
            kit.layers.Dense(4, name="hidden"),
            kit.layers.BatchNormalization(name="norm"),
            kit.layers.ReLU(name="relu"),
            kit.layers.Dense(3, activation="softmax", name="scores"),
        ],
        name="net",
    )
    random = np.random.default_rng(1)
    model.set_weights([random.uniform(0.3, 1.2, weight.shape) for weight in model.get_weights()])
    return model


@pytest.mark.parametrize("kit", [tf_keras, keras])
@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model.hdf5"])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_file_of_either_generation_comes_out_equal(tmp_path, kit, name, compiled):
    if kit is keras and name == "model.hdf5":
        pytest.skip("Keras 3 writes HDF5 under .h5 alone")
    model = plain(kit)
    if compiled:
        model.compile("adam", "mse")
        model.fit(SAMPLES, np.zeros((5, 3)), verbose=0)
    save(model, tmp_path / name)
    loaded = load_any(tmp_path / name)
    assert isinstance(loaded, tf_keras.Model)
    assert [layer.name for layer in loaded.layers][-4:] == ["hidden", "norm", "relu", "scores"]
    np.testing.assert_allclose(loaded(SAMPLES), np.asarray(model(SAMPLES)), rtol=1e-6)


def save(model, path):
    """tf_keras warns that HDF5 is legacy, and Keras 3 gives h5py its variables in a way that NumPy 2 warns of."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You are saving your model as an HDF5 file", UserWarning)
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        model.save(path)


def test_a_saved_model_with_keras_metadata(tmp_path):
    model = plain(tf_keras)
    model.save(tmp_path / "saved", save_format="tf")
    np.testing.assert_allclose(load_any(str(tmp_path / "saved"))(SAMPLES), model(SAMPLES), rtol=1e-6)


def test_the_name_of_the_file_says_nothing_of_the_generation(tmp_path):
    """tf_keras in a `.h5` beside Keras 3 in one: told by the version within."""
    save(plain(tf_keras), tmp_path / "old.h5")
    save(plain(keras), tmp_path / "new.h5")
    versions = [h5py.File(tmp_path / name).attrs["keras_version"] for name in ("old.h5", "new.h5")]
    assert [version.split(".")[0] for version in versions] == ["2", "3"]
    assert load_any(tmp_path / "old.h5").layers[0].name == "hidden"
    assert load_any(tmp_path / "new.h5").layers[-1].name == "scores"


def test_prepare_takes_a_path(tmp_path):
    save(plain(keras), tmp_path / "model.keras")
    assert [layer.name for layer in prepare(tmp_path / "model.keras").model.layers] == [
        "features",
        *("hidden", "relu", "scores_layer", "scores_softmax", "scores"),
    ]


# --------------------------------------------------------------------------------------- custom objects


class Doubled(tf_keras.layers.Layer):
    def call(self, inputs):
        return 2.0 * inputs


@tf_keras.saving.register_keras_serializable("tests_of_loading")
class Registered(Doubled):
    pass


def with_layer(layer, path):
    features = tf_keras.Input((6,))
    save(tf_keras.Model(features, layer(features), name="net"), path)


@pytest.mark.parametrize("name", ["model.keras", "saved"])
def test_a_custom_layer_is_passed_by_name(tmp_path, name):
    with_layer(Doubled(name="twice"), tmp_path / name)
    loaded = load_any(tmp_path / name, custom_objects={"Doubled": Doubled})
    assert isinstance(loaded.get_layer("twice"), Doubled)
    np.testing.assert_array_equal(loaded(SAMPLES), 2 * SAMPLES)
    with pytest.raises(KerasFileError, match=r"'twice' of the class 'Doubled'.*custom_objects=\{'Doubled': "):
        load_any(tmp_path / name)


def test_a_custom_layer_of_an_h5_file_without_its_class(tmp_path):
    with_layer(Doubled(name="twice"), tmp_path / "model.h5")
    with pytest.raises(KerasFileError, match=r"Unknown layer: 'Doubled'.*custom_objects"):
        load_any(tmp_path / "model.h5")
    assert isinstance(load_any(tmp_path / "model.h5", custom_objects={"Doubled": Doubled}).layers[-1], Doubled)


def test_a_registered_layer_needs_nothing(tmp_path):
    with_layer(Registered(), tmp_path / "model.keras")
    np.testing.assert_array_equal(load_any(tmp_path / "model.keras")(SAMPLES), 2 * SAMPLES)


def test_a_layer_registered_elsewhere_is_passed_by_the_name_of_its_class(tmp_path):
    with_layer(Registered(), tmp_path / "model.keras")
    rename_in_config(tmp_path / "model.keras", "tests_of_loading>Registered", "elsewhere>Registered")
    with pytest.raises(UnsafeModelError, match=r"custom_objects=\{'Registered': …\}"):
        load_any(tmp_path / "model.keras")
    loaded = load_any(tmp_path / "model.keras", custom_objects={"Registered": Doubled})
    np.testing.assert_array_equal(loaded(SAMPLES), 2 * SAMPLES)


# ----------------------------------------------------------------------------------- code within a file


@pytest.mark.parametrize("kit", [tf_keras, keras])
@pytest.mark.parametrize("name", ["model.keras", "model.h5", "saved"])
def test_a_lambda_is_never_read_without_the_users_word(tmp_path, kit, name):
    """tf_keras itself would run the bytecode of an HDF5 file or a SavedModel; this one leaves a mark when it is run."""
    if kit is keras and name == "saved":
        pytest.skip("Keras 3 writes no SavedModel with layers")
    features = kit.Input((6,))
    mark = tmp_path / "was here"
    code = f"__import__('pathlib').Path({str(mark)!r}).touch() or value * 2"
    doubled = kit.layers.Lambda(eval(f"lambda value: {code}"), name="hidden_code")
    model = kit.Model(features, doubled(features), name="net")
    save(model, tmp_path / name)
    mark.unlink()
    with pytest.raises(UnsafeModelError, match=r"'hidden_code' .*bytecode.*unsafe=True"):
        load_any(tmp_path / name)
    assert not mark.exists()
    if kit is tf_keras:
        np.testing.assert_array_equal(load_any(tmp_path / name, unsafe=True)(SAMPLES), 2 * SAMPLES)


def test_a_nested_lambda_is_found(tmp_path):
    inner = tf_keras.Sequential([tf_keras.Input((6,)), tf_keras.layers.Lambda(lambda value: value + 1, name="deep")])
    with_layer(tf_keras.Sequential([tf_keras.Input((6,)), inner]), tmp_path / "model.h5")
    with pytest.raises(UnsafeModelError, match="'deep'"):
        load_any(tmp_path / "model.h5")


def at_most_six(value):
    return 6 - keras.ops.relu(6 - value)


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_a_lambda_of_a_function_by_name(tmp_path, name):
    """Keras 3 writes named functions by name; tf_keras writes them as bytecode too."""
    features = keras.Input((6,))
    save(keras.Model(features, keras.layers.Lambda(at_most_six, name="six")(features)), tmp_path / name)
    with pytest.raises(UnsafeModelError, match=r"'six' calls the function 'at_most_six'.*=\{'at_most_six'"):
        load_any(tmp_path / name)
    # Known now, it is read and traced.
    loaded = load_any(tmp_path / name, custom_objects={"at_most_six": at_most_six})
    values = np.linspace(-9.0, 9.0, 12, dtype=np.float32).reshape(2, 6)
    np.testing.assert_allclose(np.asarray(loaded(values)), np.asarray(at_most_six(values)), atol=1e-6)


def test_a_function_by_name_is_not_looked_up_wherever_a_file_says(tmp_path):
    """tf_keras would call any function of any module with arguments of the file's choice."""
    with_layer(tf_keras.layers.Lambda(lambda value: value, name="shell"), tmp_path / "model.keras")
    config = config_of(tmp_path / "model.keras")
    layer = next(part for part in config["config"]["layers"] if part["class_name"] == "Lambda")
    layer["config"]["function_type"] = "function"
    layer["config"]["function"] = {"class_name": "function", "config": "system", "module": "os"}
    change_config(tmp_path / "model.keras", config)
    with pytest.raises(UnsafeModelError, match="'shell' calls the function 'system'"):
        load_any(tmp_path / "model.keras")


def test_a_class_is_not_imported_because_a_file_names_its_module(tmp_path, monkeypatch):
    module = tmp_path / "modules" / "module_that_marks.py"
    module.parent.mkdir()
    module.write_text(f"import pathlib; pathlib.Path({str(tmp_path / 'was here')!r}).touch()", encoding="utf-8")
    monkeypatch.syspath_prepend(module.parent)
    with_layer(Doubled(name="twice"), tmp_path / "model.keras")
    rename_in_config(tmp_path / "model.keras", Doubled.__module__, "module_that_marks")
    with pytest.raises(UnsafeModelError, match=r"'twice'.*from the module 'module_that_marks', not from Keras"):
        load_any(tmp_path / "model.keras")
    assert not (tmp_path / "was here").exists()


def config_of(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))


def change_config(path, config):
    change_members(path, lambda name, content: json.dumps(config).encode() if name == "config.json" else content)


def rename_in_config(path, old, new):
    change_config(path, json.loads(json.dumps(config_of(path)).replace(json.dumps(old), json.dumps(new))))


def change_members(path, change):
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, change(name, content))


def test_a_configuration_as_deep_as_a_hostile_file_likes():
    config: object = {"class_name": "Lambda", "config": {"name": "deep", "function_type": "lambda", "function": []}}
    for _ in range(100_000):
        config = [config]
    with pytest.raises(UnsafeModelError, match="'deep'"):
        refuse_code(config, path=Path("model.keras"), is_known=lambda name: False)


# ---------------------------------------------------------------------------------- what is no Keras model


def write(content):
    return lambda path: path.write_bytes(content)


def export(path):
    plain(keras).export(path, verbose=False)


def keras3_weights(path):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        plain(keras).save_weights(path)


def raw_module(path):
    module = tf.Module()
    module.infer = tf.function(lambda value: value + 1, input_signature=[tf.TensorSpec((None, 6))])
    tf.saved_model.save(module, str(path))


def zipped(*names):
    def make(path):
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, b"{}")

    return make


def cut(kit, name):
    def make(path):
        whole = path.with_name(f"whole{path.suffix}")
        save(plain(kit), whole)
        path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])

    return make


def spoilt_weights(path):
    plain(tf_keras).save(path)
    change_members(path, lambda name, content: content[:1000] if name.endswith(".h5") else content)


def spoilt_metadata(path):
    plain(tf_keras).save(path, save_format="tf")
    (path / "keras_metadata.pb").write_bytes(b"\x0a\xff\xff\xff")


OTHERS = {
    "missing.keras": (lambda path: None, "there is no file or folder"),
    "empty.keras": (write(b""), "is empty"),
    "folder": (lambda path: path.mkdir(), "no SavedModel"),
    "cut.keras": (cut(tf_keras, "cut.keras"), "damaged or cut short"),
    "cut3.keras": (cut(keras, "cut3.keras"), "damaged or cut short"),
    "cut.h5": (cut(tf_keras, "cut.h5"), "damaged or cut short"),
    "spoilt.keras": (spoilt_weights, "could not read .*damaged file"),
    "spoilt_metadata": (spoilt_metadata, "damaged or cut short"),
    "zip.keras": (zipped("a.txt"), "a zip archive without a Keras model"),
    "list.keras": (zipped("config.json", "metadata.json"), "Keras could not read"),
    "noise.keras": (write(b"noise, and nothing but noise"), "neither a zip archive nor HDF5"),
    "renamed.model": (lambda path: shutil.copy(saved(path), path), "rename it"),
    "tf.weights.h5": (lambda path: plain(tf_keras).save_weights(path), "weights without the model's architecture"),
    "keras.weights.h5": (keras3_weights, "weights without the model's architecture"),
    "exported": (export, "without Keras layers"),
    "raw": (raw_module, "without Keras layers.*TensorFlow Hub"),
    "net.tflite": (lambda path: path.write_bytes(converted_bytes(fake, (1, 6))), "qat-kit verify"),
    "net.pkl": (lambda path: path.write_bytes(pickle.dumps([1])), "a Python pickle.*runs whatever code"),
    "pickled": (lambda path: path.write_bytes(pickle.dumps([1])), "a Python pickle"),
    "net.pt": (zipped("net/data.pkl", "net/version"), "a PyTorch file"),
    "net.onnx": (write(b"\x08\x07\x12\x07pytorch"), "an ONNX model"),
    "net.xgb": (write(b"\x00\x00"), "decision trees"),
    "net.npz": (lambda path: np.savez(path, weights=SAMPLES), "NumPy arrays"),
    "net.json": (lambda path: path.write_text(plain(tf_keras).to_json()), "architecture without weights"),
    "saved_model.pb": (write(b"\x08\x01"), "a TensorFlow graph"),
}


def saved(path):
    plain(tf_keras).save(whole := path.with_name("whole.keras"))
    return whole


@pytest.mark.parametrize("name", OTHERS)
def test_one_clear_error_for_what_is_no_keras_model(tmp_path, name):
    make, words = OTHERS[name]
    make(tmp_path / name)
    with pytest.raises(KerasFileError, match=words) as caught:
        load_any(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_single_layer_in_a_file_is_no_model(tmp_path):
    plain(tf_keras).save(tmp_path / "model.keras")
    layers = config_of(tmp_path / "model.keras")["config"]["layers"]
    change_config(tmp_path / "model.keras", next(part for part in layers if part["class_name"] == "ReLU"))
    with pytest.raises(KerasFileError, match=r"holds a ReLU and no model|could not read"):
        load_any(tmp_path / "model.keras")
