"""Shapes as settings hold them and as text says them."""

from __future__ import annotations

import pytest

from qat_kit.errors import SettingsError
from qat_kit.input_shapes import read_input_shapes
from qat_kit.recipe import Settings


@pytest.mark.parametrize("value", ["image=8x8", {"image": [8, 8]}])
def test_a_setting_takes_text_and_python(value) -> None:
    settings = Settings().changed({"input_shapes": value})
    assert settings.input_shapes == {"image": (8, 8)}
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


@pytest.mark.parametrize("value", [None, "", {}])
def test_nothing_given(value) -> None:
    assert read_input_shapes(value) == {}


@pytest.mark.parametrize("value", ["8*8", "image=", "0x8", {"image": 8}, {"image": ("a",)}, (8, -1), 5])
def test_what_is_no_shape(value) -> None:
    with pytest.raises(SettingsError, match="input_shapes"):
        read_input_shapes(value)
    with pytest.raises(SettingsError, match="input_shapes"):
        Settings().changed({"input_shapes": value})
