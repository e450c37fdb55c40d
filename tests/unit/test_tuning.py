"""What a user may say of training, as values and as text, and where it arrives."""

from __future__ import annotations

from dataclasses import fields

import pytest

from qat_kit.errors import SettingsError
from qat_kit.qat import QatOptions
from qat_kit.recipe import Settings
from qat_kit.schemes import LayerScheme, get_scheme
from qat_kit.training import TrainingSettings
from qat_kit.tuning import OPTION_FIELDS, SCHEME_FIELDS, TRAINING_FIELDS, Tuning


def test_every_field_arrives_somewhere_under_its_own_name_and_default() -> None:
    assert {*SCHEME_FIELDS, *TRAINING_FIELDS, *OPTION_FIELDS, "tensorboard"} == set(Tuning.model_fields)
    assert set(SCHEME_FIELDS) <= set(LayerScheme.model_fields)
    for names, target in ((TRAINING_FIELDS, TrainingSettings(epochs=1)), (OPTION_FIELDS, QatOptions())):
        for name in names:
            assert getattr(Tuning(), name) == getattr(target, name), name
    assert {field.name for field in fields(QatOptions)} == {*OPTION_FIELDS, "log_folder"}


def test_text_is_read_as_the_command_line_gives_it() -> None:
    settings = Settings().changed(
        {"bits": "6,5", "features": "relu1, relu2", "freeze": "stem*:0.5,a:b:0", "patience": "3", "clip_norm": "1.5"}
    )
    assert (settings.bits, settings.features, settings.patience, settings.clip_norm) == (
        (6, 5),
        ("relu1", "relu2"),
        3,
        1.5,
    )
    assert settings.freeze == {"stem*": 0.5, "a:b": 0.0}
    assert Settings().changed({"bits": ""}).bits == ()


@pytest.mark.parametrize(
    "change", [{"freeze": "stem"}, {"bits": "six"}, {"average_decay": "1"}, {"clip_norm": "0"}, {"weight_ranges": "no"}]
)
def test_text_that_does_not_fit_is_refused_by_name(change: dict[str, object]) -> None:
    (name,) = change
    with pytest.raises(SettingsError, match=f"setting {name}"):
        Settings().changed(change)


def test_the_scheme_is_trained_as_asked_and_keeps_its_name() -> None:
    scheme = Tuning(weight_ranges="least_squares", activation_ranges="clipped").scheme_for(get_scheme("w4a8"))
    assert (scheme.name, scheme.weight_ranges, scheme.activation_ranges) == ("w4a8", "least_squares", "clipped")
    assert Tuning().scheme_for(get_scheme("w4a8")) == get_scheme("w4a8")
