"""The manifest: arrays inside JSON, and the record itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

from qat_kit.errors import DataError
from qat_kit.manifest import EncodedArray, Manifest, decode_all, encode_all

TYPES = ["bool", "int8", "uint8", "int16", "int32", "int64", "float16", "float32", "float64"]


@given(
    st.sampled_from(TYPES).flatmap(
        lambda name: numpy_strategies.arrays(
            np.dtype(name), numpy_strategies.array_shapes(min_dims=0, max_dims=3, min_side=0)
        )
    )
)
def test_an_array_comes_back_to_the_bit(array: np.ndarray) -> None:
    text = EncodedArray.of(array).model_dump_json()
    back = EncodedArray.model_validate_json(text).array()
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


def test_the_bytes_are_little_endian_wherever_they_come_from() -> None:
    big = np.array([[1, 2], [3, -4]], ">i2").T
    encoded = EncodedArray.of(big)
    assert encoded == EncodedArray(dtype="int16", shape=(2, 2), data="AQADAAIA/P8=")
    np.testing.assert_array_equal(encoded.array(), big)


def test_names_survive() -> None:
    arrays = {"serving_default_a/b:0": np.zeros(2, np.int8), "ein Name": np.ones(1, np.float32)}
    back = decode_all(encode_all(arrays))
    assert list(back) == list(arrays)
    for name in arrays:
        np.testing.assert_array_equal(back[name], arrays[name])


@pytest.mark.parametrize(
    ("shape", "data", "words"),
    [((3,), "Af8=", "takes 3 bytes, received 2"), ((2,), "Af8", "base64"), ((-1,), "Af8=", "greater than or equal")],
)
def test_an_array_that_contradicts_itself_is_refused(shape: tuple[int, ...], data: str, words: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=words):
        EncodedArray(dtype="int8", shape=shape, data=data)


def test_a_manifest_of_another_version_is_refused_with_words(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"format_version": 1}))
    with pytest.raises(
        DataError, match=r"is not a Manifest of this version of qat_kit: format_version: Input should be 2"
    ):
        Manifest.load(tmp_path / "manifest.json")


def test_the_published_schema_is_the_manifests_own() -> None:
    """`scripts/docs/schemas.py` writes it anew."""
    published = Path(__file__).parents[2] / "docs" / "manifest.schema.json"
    assert json.loads(published.read_text(encoding="utf-8")) == Manifest.model_json_schema()
