"""Why a conversion failed: the operator, from the converter's words or from where it dies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from qat_kit.convert import convert
from qat_kit.convert.diagnosis import first_operators, list_operators, said
from qat_kit.errors import ConversionError

MLIR_ERROR = (
    'loc(callsite(fused["Betainc:", "block1/odd/Betainc@__inference_f_8"] at callsite(fused["PartitionedCall:", '
    '"PartitionedCall@__inference_signature_wrapper_14"] at fused["PartitionedCall:", "PartitionedCall"]))): '
    "\x1b[31merror: \x1b[0m'tf.Betainc' op is neither a custom op nor a flex op\n"
    "error: failed while converting: 'main':\nTraceback (most recent call last):\nConverterError: Could not translate\n"
)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (MLIR_ERROR, "operator tf.Betainc at 'block1/odd/Betainc' is neither a custom op nor a flex op"),
        ("I0000 00:00:1 1 reader.cc:83] error-free\nValueError: no such file\n", "ValueError: no such file"),
        ("working\n\n", "working"),
        ("E0000 00:00:1 1 cuda_platform.cc:52] failed call: error 303\n", "it said nothing"),
        ("", "it said nothing"),
    ],
)
def test_the_converters_own_words(output: str, words: str) -> None:
    assert said(output) == words


def _saved(folder: Path, function: Callable[[Any], Any]) -> Path:
    module = tf.Module()
    serve = tf.function(function, input_signature=[tf.TensorSpec((1, 4), tf.float32, name="x")])
    tf.saved_model.save(module, str(folder), signatures=serve.get_concrete_function())
    return folder


def test_an_operator_that_the_converter_does_not_know_is_named_with_its_place(tmp_path: Path) -> None:
    def odd(value: Any) -> Any:
        with tf.name_scope("odd"):
            return tf.math.betainc(value, value, value)

    with pytest.raises(ConversionError, match=r"failed: operator tf\.Betainc at 'odd/Betainc' is neither a custom op"):
        convert(_saved(tmp_path / "saved", odd), tmp_path / "model.tflite", mode="float32")


def test_a_graph_is_cut_behind_an_operator(tmp_path: Path) -> None:
    saved = _saved(tmp_path / "saved", lambda x: tf.nn.relu(x * 2.0) + tf.tanh(x * 2.0))
    sample = np.array([[-1.0, 0.0, 1.0, 2.0]], np.float32)
    kinds = [line.split()[1] for line in _listed(saved, tmp_path)]
    before_addition = first_operators(saved, kinds.index("tf.AddV2"))(tf.constant(sample))
    expected = {"relu": np.maximum(2 * sample, 0), "tanh": np.tanh(2 * sample)}
    received = sorted((value.numpy() for value in before_addition), key=np.max, reverse=True)
    for value, wanted in zip(received, expected.values(), strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-6)


def _listed(saved: Path, folder: Path) -> list[str]:
    list_operators(saved, folder / "operators.txt")
    return (folder / "operators.txt").read_text().splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["float32", "int8_from_qat"])
def test_an_operator_on_which_the_converter_dies_is_named_with_its_place(mode: str, tmp_path: Path) -> None:
    """An infinite range: the converter computes an infinite scale and falls over it."""

    def wide(value: Any) -> Any:
        value = tf.nn.relu(value) * 2.0
        with tf.name_scope("wide"):
            value = tf.quantization.fake_quant_with_min_max_vars(value, -1.0, float("inf"))
        return tf.tanh(value) + value

    with pytest.raises(
        ConversionError,
        match=r"failed at operator tf\.FakeQuantWithMinMaxVars at 'wide/Fake.*scale out of .*killed by signal 11",
    ):
        convert(_saved(tmp_path / "saved", wide), tmp_path / "model.tflite", mode=mode)
