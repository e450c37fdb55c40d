"""Models of the zoo all the way: prepared, wrapped, trained, fully int8, quantized where training was."""

from __future__ import annotations

from pathlib import Path

import pytest
import tf_keras

from qat_kit.litert.interpreter import KERNEL_SETS
from tests.support.coverage import KIT_STAGES, through_kit
from tests.support.kernels import assert_every_tensor_equals
from tests.support.layer_zoo import ROWS, Row

# Those that no other test takes all the way: nets, ways of putting together, the other generation.
FAST = (
    *("ds_cnn", "mobilenet_v2_block", "autoencoder", "unet_bn", "detector"),
    *("shared_model", "dict_inputs", "several_ends", "keras3_residual", "keras3_leaky"),
    *("embedding_positional", "gone_identity"),
)
# Differences of single operators, amplified by those behind them.
MAX_ERROR_LSB = 3


DOCUMENT = Path(__file__).parents[2] / "docs" / "coverage.md"


@pytest.mark.parametrize("name", [*FAST, pytest.param("resnet8", marks=pytest.mark.slow)])
def test_a_model_of_the_zoo_comes_out_fully_int8(name: str, tmp_path: Path) -> None:
    result = through_kit(ROWS[name], tmp_path)
    assert result["failed"] is None, f"{name} stopped at {result['failed']}: {result['message']}"
    assert result["reached"] == list(KIT_STAGES)
    assert max(result["lsb"].values()) <= MAX_ERROR_LSB, result["lsb"]
    for kernel_set in KERNEL_SETS:
        assert_every_tensor_equals(tmp_path / "model.tflite", kernel_set, num_inputs=1)


def test_what_stops_a_model_is_told_with_its_stage(tmp_path: Path) -> None:
    image = tf_keras.Input((4, 4, 1))
    unknown = tf_keras.Model(image, tf_keras.layers.LocallyConnected2D(2, 3, name="local")(image))
    result = through_kit(Row(family="none", sentence="has no place", build=lambda: unknown), tmp_path)
    assert (result["reached"], result["failed"]) == (["prepared"], "wrapped")
    assert "'local'" in result["message"]


def test_the_document_tells_of_every_model() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    missing = [name for name, row in ROWS.items() if row.family != "patterns" and f"| `{name}` |" not in text]
    assert not missing, f"run scripts/docs/coverage.py: {missing}"
