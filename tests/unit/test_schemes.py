"""Schemes: what the names say, what rules resolve to, what is refused."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qat_kit.errors import SchemeError, UnknownNameError
from qat_kit.numerics.types import TensorSpec
from qat_kit.schemes import (
    LayerScheme,
    QuantScheme,
    Rule,
    decode_scheme,
    get_scheme,
    mixed_scheme,
    scheme_names,
)

LAYERS = [("stem", "Conv2D"), ("block1/conv", "Conv2D"), ("block1/depthwise", "DepthwiseConv2D"), ("head", "Dense")]


def weights(num_bits: int) -> TensorSpec:
    return TensorSpec(num_bits=num_bits, symmetric=True, narrow_range=True, granularity="per_axis")


INT8 = TensorSpec(num_bits=8)
INT16 = TensorSpec(num_bits=16, symmetric=True, narrow_range=True)

# Written out by hand, so that the decoding of names is held to something that it did not make.
EXPECTED = {
    "w8a8": LayerScheme(weights=weights(8), activations=INT8, activation_mode="static", bias_bits=32),
    "w8a8_unsigned": LayerScheme(
        weights=weights(8),
        activations=TensorSpec(num_bits=8, signed=False),
        activation_mode="static",
        bias_bits=32,
    ),
    "w4a8": LayerScheme(
        weights=weights(4), weight_ranges="learned_step", activations=INT8, activation_mode="static", bias_bits=32
    ),
    "w3a8": LayerScheme(
        weights=weights(3), weight_ranges="learned_step", activations=INT8, activation_mode="static", bias_bits=32
    ),
    "w2a8": LayerScheme(
        weights=weights(2), weight_ranges="learned_step", activations=INT8, activation_mode="static", bias_bits=32
    ),
    "w8a16": LayerScheme(weights=weights(8), activations=INT16, activation_mode="static", bias_bits=64),
    "w8_dynamic": LayerScheme(weights=weights(8), activations=INT8, activation_mode="dynamic"),
    "w4_weight_only": LayerScheme(weights=weights(4)),
    "fp16": LayerScheme(float_bits=16),
    "ternary_a8": LayerScheme(
        weights=weights(8), weight_levels="ternary", activations=INT8, activation_mode="static", bias_bits=32
    ),
    "binary_a8": LayerScheme(
        weights=weights(8), weight_levels="binary", activations=INT8, activation_mode="static", bias_bits=32
    ),
    "pow2_a8": LayerScheme(
        weights=weights(8), weight_levels="power_of_two", activations=INT8, activation_mode="static", bias_bits=32
    ),
    "apot_a8": LayerScheme(
        weights=weights(8),
        weight_levels="additive_power_of_two",
        activations=INT8,
        activation_mode="static",
        bias_bits=32,
    ),
    "codebook_a8": LayerScheme(
        weights=weights(8), weight_levels="codebook", activations=INT8, activation_mode="static", bias_bits=32
    ),
}


def test_the_names() -> None:
    assert set(scheme_names()) == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_each_name_decodes_to_its_instance(name: str) -> None:
    scheme = get_scheme(name)
    expected = EXPECTED[name]
    assert scheme.name == name
    assert {field: getattr(scheme, field) for field in LayerScheme.model_fields} == dict(expected)
    assert decode_scheme(name) == scheme


@pytest.mark.parametrize("name", EXPECTED)
def test_json_both_ways_and_pickle(name: str) -> None:
    scheme = get_scheme(name).with_rules(
        Rule(path="head*", use="w8a16"), Rule(layer_class="Dense", use="fp16"), name="x"
    )
    assert QuantScheme.from_json(scheme.to_json()) == scheme
    assert pickle.loads(pickle.dumps(scheme)) == scheme
    assert hash(scheme) == hash(QuantScheme.from_json(scheme.to_json()))


@pytest.mark.parametrize("name", EXPECTED)
def test_coarse_weights_keep_8_bits_at_both_ends(name: str) -> None:
    ends = get_scheme(name).end_layers
    assert ends == (EXPECTED["w8a8"] if name in ("w2a8", "ternary_a8", "binary_a8") else None)


@pytest.mark.parametrize(("name", "highest"), [("w8a8", 127), ("w4a8", 7), ("w2a8", 127), ("pow2_a8", 127)])
def test_the_highest_code_is_that_of_the_finest_layer(name: str, highest: int) -> None:
    assert get_scheme(name).highest_weight_code == highest


def test_a_rule_counts_for_the_highest_code() -> None:
    assert get_scheme("w4a8").with_rules(Rule(path="a", use="w6a8"), name="x").highest_weight_code == 31


@pytest.mark.parametrize(("levels", "bits"), [("power_of_two", 5), ("additive_power_of_two", 2)])
def test_levels_that_the_grid_does_not_hold_are_refused(levels: str, bits: int) -> None:
    scheme = dict(EXPECTED["w8a8"])
    with pytest.raises(SchemeError, match=f"level_bits . to ., not {bits}"):
        LayerScheme(**{**scheme, "weight_levels": levels, "level_bits": bits})


def test_only_ways_of_training_are_changed_by_trained_by() -> None:
    scheme = get_scheme("w4a8").trained_by(weight_ranges="min_max", activation_ranges="clipped")
    assert (scheme.weight_ranges, scheme.activation_ranges, scheme.name) == ("min_max", "clipped", "w4a8")
    with pytest.raises(SchemeError, match="'weights' is no way to train"):
        get_scheme("w4a8").trained_by(weights=None)
    with pytest.raises(SchemeError, match="weight_ranges"):
        get_scheme("w4a8").trained_by(weight_ranges="guessed")


def test_saves_and_loads(tmp_path: Path) -> None:
    path = get_scheme("w4a8").save(tmp_path / "scheme.json")
    assert QuantScheme.load(path) == get_scheme("w4a8")


def test_loads_the_same_in_a_fresh_process_without_tensorflow(tmp_path: Path) -> None:
    path = get_scheme("w8a16").with_rules(Rule(path="a/*", use="w4a8"), name="mixed").save(tmp_path / "scheme.json")
    program = (
        "import pathlib, sys; from qat_kit.schemes import QuantScheme; import qat_kit.targets, qat_kit.spec\n"
        f"scheme = QuantScheme.load(pathlib.Path({str(path)!r}))\n"
        "assert 'tensorflow' not in sys.modules and 'ai_edge_litert' not in sys.modules\n"
        "print(scheme.for_layer('a/b', 'Conv2D').weights.num_bits, scheme.activations.num_bits)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["4", "16"]


@pytest.mark.parametrize(
    ("name", "nearest"), [("w8a9", "'w8a8'"), ("W8A8", "there is no scheme"), ("w4a16", "'w8a16'"), ("pow2", "pow2_a8")]
)
def test_an_unknown_name_offers_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(UnknownNameError, match=nearest):
        get_scheme(name)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("w1a8", "1-bit weights; a file holds 2 to 8"),
        ("w9a8", "9-bit weights"),
        ("w8a4", "4-bit activations; a file holds 8"),
        ("w8a16_unsigned", "16-bit activations"),
        ("int8", "does not decode"),
        ("w8a8 ", "does not decode"),
        ("", "does not decode"),
        ("w٨a8", "does not decode"),
    ],
)
def test_names_that_do_not_decode(name: str, complaint: str) -> None:
    with pytest.raises(SchemeError, match=complaint):
        decode_scheme(name)


@given(weight_bits=st.integers(2, 8), wide=st.booleans())
def test_every_name_of_the_grammar_decodes_to_its_digits(weight_bits: int, wide: bool) -> None:
    activation_bits = 16 if wide else 8
    scheme = decode_scheme(f"w{weight_bits}a{activation_bits}")
    assert scheme.weights is not None
    assert scheme.activations is not None
    assert (scheme.weights.num_bits, scheme.activations.num_bits) == (weight_bits, activation_bits)
    assert scheme.bias_bits == (64 if wide else 32)
    # A symmetric format has no zero point, and reaches as far down as up.
    assert scheme.weights.integer_minimum == -scheme.weights.integer_maximum
    assert not wide or scheme.activations.integer_minimum == -32767


# ---------------------------------------------------------------------------------------------------------- rules


def mixed(*rules: Rule) -> QuantScheme:
    return get_scheme("w8a8").with_rules(*rules, name="mixed")


def weight_bits(scheme: QuantScheme) -> dict[str, int | None]:
    found = {path: scheme.for_layer(path, layer_class).weights for path, layer_class in LAYERS}
    return {path: None if spec is None else spec.num_bits for path, spec in found.items()}


def test_rules_by_path_by_class_and_by_both() -> None:
    scheme = mixed(Rule(path="block1/*", layer_class="Conv2D", use="w4a8"), Rule(layer_class="Dense", use="fp16"))
    scheme.check_rules(LAYERS)
    assert weight_bits(scheme) == {"stem": 8, "block1/conv": 4, "block1/depthwise": 8, "head": None}


def test_the_first_rule_that_matches_decides() -> None:
    scheme = mixed(Rule(path="block1/conv", use="w8a16"), Rule(path="block1/*", use="w4a8"))
    scheme.check_rules(LAYERS)
    assert weight_bits(scheme) == {"stem": 8, "block1/conv": 8, "block1/depthwise": 4, "head": 8}


def test_globs_are_case_sensitive_and_cross_slashes() -> None:
    rule = Rule(path="block*conv", use="w4a8")
    assert rule.matches("block1/conv", "Conv2D")
    assert not rule.matches("Block1/conv", "Conv2D")
    assert not rule.matches("block1/conv2", "Conv2D")


def test_a_rule_that_matches_nothing_is_an_error_with_the_nearest_layer() -> None:
    with pytest.raises(
        SchemeError, match=r"rule\(path='blok1/conv'\) .* matches no layer. Nearest layers: 'block1/conv'"
    ):
        mixed(Rule(path="blok1/conv", use="w4a8")).check_rules(LAYERS)
    with pytest.raises(SchemeError, match="Layer classes of the model: Conv2D, Dense, DepthwiseConv2D"):
        mixed(Rule(layer_class="LSTM", use="w4a8")).check_rules(LAYERS)
    with pytest.raises(SchemeError, match="Layer classes of the model: none"):
        mixed(Rule(layer_class="LSTM", use="w4a8")).check_rules([])


def test_an_exception_behind_the_general_rule_is_an_error() -> None:
    scheme = mixed(Rule(path="block1/*", use="w4a8"), Rule(path="block1/conv", use="w8a16"))
    with pytest.raises(SchemeError, match="disagree about layer 'block1/conv'; put the narrower rule first"):
        scheme.check_rules(LAYERS)


@pytest.mark.parametrize(
    "second", [Rule(layer_class="Conv2D", use="w8a16"), Rule(path="block1/*", layer_class=None, use="fp16")]
)
def test_rules_that_contradict_each_other_are_an_error(second: Rule) -> None:
    with pytest.raises(SchemeError, match="disagree about layer 'block1/conv'; narrow one of the two"):
        mixed(Rule(path="block1/*", use="w4a8"), second).check_rules(LAYERS)


def test_rules_that_overlap_and_agree_are_no_error() -> None:
    mixed(Rule(path="block1/*", use="w4a8"), Rule(layer_class="Conv2D", use="w4a8")).check_rules(LAYERS)


def test_mixed_is_read_from_a_file_of_rules(tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    path.write_text(json.dumps({"base": "w8a8", "rules": [{"path": "head*", "use": "w8a16"}]}))
    scheme = mixed_scheme(path)
    assert scheme.name == "mixed"
    assert scheme.for_layer("head", "Dense").activations == INT16
    with pytest.raises(SchemeError, match="is read from a file of rules"):
        get_scheme("mixed")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"rules": [{"path": "a", "use": "w8a9"}]}', "9-bit activations"),
        ('{"rules": [{"pth": "a", "use": "w8a8"}]}', "pth"),
        ('{"rules": [{"use": "w8a8"}]}', "give path, layer_class or both"),
        ('{"rules": []}', "at least 1 item"),
        ('{"base": "w8a9", "rules": [{"path": "a", "use": "w8a8"}]}', "did you mean"),
        ("{", "Expected"),
    ],
)
def test_a_wrong_file_of_rules_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "rules.json"
    path.write_text(text)
    with pytest.raises((SchemeError, UnknownNameError), match=complaint):
        mixed_scheme(path)


# ---------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"activation_mode": "static"}, "activation_mode is 'static' but activations are None"),
        ({"activations": INT8}, "activation_mode is 'none'"),
        ({"bias_bits": 32}, "bias_bits is 32"),
        ({"weights": weights(8), "activations": INT8, "activation_mode": "static"}, "bias_bits is None"),
        ({"weights": TensorSpec(num_bits=8)}, "weights must be symmetric"),
        ({"weight_levels": "ternary"}, "give weights"),
        ({"float_bits": 8}, "float_bits"),
        ({"wieghts": None}, "wieghts"),
        ({"weights": {"num_bits": 99}}, "num_bits must be 1 to 16, received 99"),
    ],
)
def test_schemes_that_contradict_themselves(fields: dict[str, object], complaint: str) -> None:
    with pytest.raises(SchemeError, match=complaint):
        QuantScheme(name="x", **fields)


def test_schemes_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        get_scheme("w8a8").name = "other"  # type: ignore[misc]


def test_json_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scheme.json"
    path.write_text('{"name": "x", "weights": {"num_bits": 8, "signd": true}}')
    with pytest.raises(SchemeError, match=r"scheme.json: QuantScheme cannot be made: weights.signd"):
        QuantScheme.load(path)
