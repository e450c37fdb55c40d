"""A file's inputs and outputs stand in the model's order, whatever the converter makes of them."""

from __future__ import annotations

import tf_keras
from tf_keras import layers

from qat_kit.convert.interface import interfaces
from qat_kit.convert.job import Job
from qat_kit.convert.worker import run
from qat_kit.litert.model_file import read_model
from qat_kit.litert.ordering import in_order
from qat_kit.prepare import save_for_conversion


def names_of(path):
    return tuple([each.name for each in ends] for ends in interfaces(read_model(path)))


def test_inputs_and_outputs_stand_in_the_models_order(tmp_path):
    inputs = [tf_keras.Input((4,), name=name) for name in ("zeta", "alpha", "mid")]
    outputs = [
        layers.Dense(units, name=name)(tensor)
        for units, (name, tensor) in enumerate(zip(("scores", "boxes", "area"), inputs, strict=True), start=2)
    ]
    folder = save_for_conversion(tf_keras.Model(inputs, outputs), tmp_path / "saved_model")
    path = tmp_path / "model.tflite"
    run(Job(saved_model=folder, output=path, mode="float32"))
    wanted = ["zeta", "alpha", "mid"], ["scores", "boxes", "area"]
    assert names_of(path) == wanted
    assert [each.shape for each in interfaces(read_model(path))[1]] == [(1, 2), (1, 3), (1, 4)]

    content = path.read_bytes()
    assert in_order(content, inputs=wanted[0], outputs=wanted[1]) is content
    assert in_order(content, inputs=["other"], outputs=wanted[1]) is content
    path.write_bytes(in_order(content, inputs=["mid", "zeta", "alpha"], outputs=wanted[1][::-1]))
    assert names_of(path) == (["mid", "zeta", "alpha"], ["area", "boxes", "scores"])
