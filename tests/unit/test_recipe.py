"""Finding recipes, and settings that refuse what cannot be."""

from __future__ import annotations

import pytest

from qat_kit.errors import RecipeError, SettingsError, UnknownNameError
from qat_kit.recipe import Settings, all_recipes, load_recipe


def test_digits_is_there():
    assert "digits" in [recipe.name for recipe in all_recipes()]
    assert load_recipe("digits").summary


def test_an_unknown_recipe_offers_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'digits'"):
        load_recipe("digit")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": "many"}, "setting epochs = 'many'"),
        ({"epochs": "-1"}, "setting epochs"),
        ({"learning_rate": "0"}, "setting learning_rate"),
        ({"learning_rate": "nan"}, "setting learning_rate"),
        ({"minimum_accuracy": "1.5"}, "setting minimum_accuracy"),
        ({"batch_size": 0}, "setting batch_size"),
    ],
)
def test_impossible_values_are_refused_by_name(changes, words):
    with pytest.raises(SettingsError, match=words):
        Settings().changed(changes)


def test_an_unknown_setting_offers_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'qat_epochs' or 'epochs'"):
        Settings().changed({"qat_epoch": "3"})


def test_text_is_read_as_the_settings_type():
    changed = Settings().changed({"epochs": "3", "learning_rate": "1e-4", "minimum_accuracy": "0.9"})
    assert (changed.epochs, changed.learning_rate, changed.minimum_accuracy) == (3, 1e-4, 0.9)


def test_a_recipe_keeps_its_own_settings_class():
    settings = load_recipe("digits").settings.changed({"filters": "8"})
    assert settings.filters == 8
    assert settings.epochs == load_recipe("digits").settings.epochs


def test_a_recipe_file_that_fails_shows_its_own_last_line_first(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("import math\n\nvalue = math.sqrt(-1)\n")
    with pytest.raises(RecipeError) as caught:
        load_recipe(str(path))
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"recipe {path} failed: ValueError: ")
    assert "line 3" in lines[1]
    assert not [line for line in lines if "qat_kit" in line]  # no frames of ours


def test_a_recipe_file_with_a_syntax_error(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("def f(:\n")
    with pytest.raises(RecipeError, match="SyntaxError"):
        load_recipe(str(path))


def test_a_recipe_file_without_a_recipe(tmp_path):
    path = tmp_path / "empty.py"
    path.write_text("recipe = 3\n")
    with pytest.raises(RecipeError, match=r"must assign `recipe = Recipe\(…\)`, it has int"):
        load_recipe(str(path))


def test_a_recipe_file_that_is_absent(tmp_path):
    with pytest.raises(RecipeError, match="there is no recipe file"):
        load_recipe(str(tmp_path / "absent.py"))


def test_the_hash_of_a_recipe_follows_its_text(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("from qat_kit.recipes.digits import recipe\n")
    first = load_recipe(str(path)).source_sha256
    path.write_text("from qat_kit.recipes.digits import recipe  # changed\n")
    assert load_recipe(str(path)).source_sha256 != first


def test_the_hash_of_a_recipe_follows_the_kits_nets_and_datasets(tmp_path, monkeypatch):
    net = tmp_path / "resnet.py"
    net.write_text("depth = 8\n")
    monkeypatch.setattr("qat_kit.recipe.loading._PARTS", (tmp_path,))
    first = load_recipe("digits").source_sha256
    net.write_text("depth = 9\n")
    assert load_recipe("digits").source_sha256 != first
