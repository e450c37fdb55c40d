"""What the user wants of each tensor: `QuantScheme`, its rules by layer, and the named instances.

A name decodes (`decode_scheme`): `w4a8` is 4-bit weights with 8-bit activations.

>>> get_scheme("w4a8").weights.num_bits
4
>>> scheme_names()
('apot_a8', 'binary_a8', 'codebook_a8', 'fp16', 'pow2_a8', 'ternary_a8', 'w2a8', 'w3a8', 'w4_weight_only', 'w4a8',
 'w8_dynamic', 'w8a16', 'w8a8', 'w8a8_unsigned')
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pydantic

from qat_kit.errors import SchemeError
from qat_kit.files import read_text, write_text
from qat_kit.numerics.types import TensorSpec
from qat_kit.registry import Registry

ActivationMode = Literal["static", "dynamic", "none"]
WeightLevels = Literal["uniform", "ternary", "binary", "power_of_two", "additive_power_of_two", "codebook"]
WeightRanges = Literal["min_max", "least_squares", "learned_step", "power_of_two_step"]
ActivationRanges = Literal["measured", "learned_step", "clipped", "soft"]
_LEVEL_NAMES: dict[str, WeightLevels] = {
    "ternary": "ternary",
    "binary": "binary",
    "pow2": "power_of_two",
    "apot": "additive_power_of_two",
    "codebook": "codebook",
}
# Levels so few that the first and the last layer keep 8 bits.
_COARSE_LEVELS = ("ternary", "binary")


# What the int8 grid holds of each kind of level.
_LEVEL_BITS: dict[WeightLevels, tuple[int, int]] = {"power_of_two": (2, 4), "additive_power_of_two": (3, 5)}


class _Frozen(pydantic.BaseModel):
    """A frozen pydantic model that answers wrong data with a SchemeError."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    def __init__(self, **data: Any) -> None:
        try:
            super().__init__(**data)
        except pydantic.ValidationError as error:
            raise SchemeError(_explain(type(self).__name__, error)) from None


class LayerScheme(_Frozen):
    """What one layer's tensors become.

    weights: the integer grid that the weights lie on in the file; None: they stay float.
    weight_levels: the codes of that grid that are used: all of them, {−1, 0, 1}, {−1, 1}, ±powers of two, their sums in
    pairs, or a few that the weights choose. level_bits: of one of the last three's codes.
    weight_ranges: how training finds the step of evenly spaced levels: from the largest weight, by least squares,
    learned (LSQ), or learned as a power of two (TQT); ternary levels are learned with `learned_step` (TTQ), and follow
    the weights otherwise (TWN). binary_gradient: the estimator behind a sign.
    activations: the integer grid of activations; None: they stay float in the file.
    activation_ranges: how training finds their ranges: measured on calibration data, learned (LSQ+), a learned clip
    behind ReLUs (PACT), or measured with a soft stair's gradient (DSQ).
    activation_mode: `static` (parameters are in the file), `dynamic` (each inference finds them), `none`.
    bias_bits: 32, or 64 beside 16-bit activations; None: the bias stays float.
    float_bits: width of what stays float: 32 or 16.
    """

    weights: TensorSpec | None = None
    weight_levels: WeightLevels = "uniform"
    level_bits: Annotated[int, pydantic.Field(ge=1, le=8)] = 4
    weight_ranges: WeightRanges = "min_max"
    binary_gradient: Literal["straight_through", "approximate_sign"] = "straight_through"
    activations: TensorSpec | None = None
    activation_ranges: ActivationRanges = "measured"
    activation_mode: ActivationMode = "none"
    bias_bits: Literal[32, 64] | None = None
    float_bits: Literal[16, 32] = 32

    @pydantic.model_validator(mode="after")
    def _check_consistency(self) -> Self:
        if (self.activations is None) != (self.activation_mode == "none"):
            raise ValueError(
                f"activation_mode is {self.activation_mode!r} but activations are {self.activations}; "
                "'none' goes with no spec, 'static' and 'dynamic' with one"
            )
        if (self.bias_bits is not None) != (self.activation_mode == "static" and self.weights is not None):
            raise ValueError(
                f"bias_bits is {self.bias_bits}: an integer bias has the scale of input times weight, so it goes with "
                "integer weights and static activations, and with them alone"
            )
        if self.weights is not None and not self.weights.symmetric:
            raise ValueError("weights must be symmetric (zero point 0): give weights a spec with symmetric=True")
        if self.weight_levels != "uniform" and self.weights is None:
            raise ValueError(
                f"weight_levels={self.weight_levels!r} needs the grid that the levels lie on: give weights"
            )
        lowest, highest = _LEVEL_BITS.get(self.weight_levels, (1, 8))
        if not lowest <= self.level_bits <= highest:
            raise ValueError(
                f"weight_levels={self.weight_levels!r} takes level_bits {lowest} to {highest}, not {self.level_bits}"
            )
        return self


class ParityLimits(_Frozen):
    """How far a file's answers may be from those of the model that was trained, in steps of the output (LSB).

    median_lsb: what half of the outputs may be off by. almost_all_lsb: what `almost_all` of them may.

    Both sides round the same sums, LiteRT in fixed point and training in float, so that single operators are off by 1
    in places, and what stands behind multiplies it: no pattern of tests/parity/test_patterns.py is off by more than 5.
    A wrong scale or weight is off by far more.
    """

    median_lsb: Annotated[float, pydantic.Field(ge=0)] = 2.0
    almost_all_lsb: Annotated[float, pydantic.Field(ge=0)] = 16.0
    almost_all: Annotated[float, pydantic.Field(gt=0, le=1)] = 0.99


def _decode_rule(value: object) -> object:
    return decode_layer_scheme(value) if isinstance(value, str) else value


class Rule(_Frozen):
    """Layers that are treated otherwise: those whose path matches a glob, those of one class, or both at once.

    path: a case-sensitive glob over the layer's path; `*` also crosses `/`.
    layer_class: the class name of the layer, such as `DepthwiseConv2D`.
    use: what such a layer's tensors become; a name that decodes may stand for it.

    >>> Rule(path="block1/*", layer_class="Conv2D", use="w8a16").matches("block1/conv", "Conv2D")
    True
    """

    path: str | None = None
    layer_class: str | None = None
    use: Annotated[LayerScheme, pydantic.BeforeValidator(_decode_rule)]

    @pydantic.model_validator(mode="after")
    def _check_has_subject(self) -> Self:
        if not self.path and not self.layer_class:
            raise ValueError("a rule must say which layers it is for: give path, layer_class or both")
        return self

    def matches(self, path: str, layer_class: str) -> bool:
        """Whether the rule speaks of this layer."""
        return (self.path is None or fnmatchcase(path, self.path)) and self.layer_class in (None, layer_class)

    def __str__(self) -> str:
        subjects = {"path": self.path, "layer_class": self.layer_class}
        return f"rule({', '.join(f'{key}={value!r}' for key, value in subjects.items() if value is not None)})"


class QuantScheme(LayerScheme):
    """A scheme for a whole model: what every layer becomes, and the rules for those that differ.

    parity: how near the file must come to the model that was trained.

    Rules are read in order and the first that matches decides, so the exception stands before the general rule.
    end_layers: what a layer with weights becomes that no other layer with weights stands before, or none behind, where
    no rule speaks of it; None: the same as the rest. Frozen, and the same in JSON as in memory.

    >>> scheme = get_scheme("w8a8").with_rules(Rule(path="head/*", use="w8a16"), name="mixed")
    >>> scheme.for_layer("head/dense", "Dense").activations.num_bits
    16
    >>> QuantScheme.from_json(scheme.to_json()) == scheme
    True
    """

    name: str = pydantic.Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$")
    rules: tuple[Rule, ...] = ()
    end_layers: Annotated[LayerScheme | None, pydantic.BeforeValidator(_decode_rule)] = None
    parity: ParityLimits = ParityLimits()

    @property
    def highest_weight_code(self) -> int:
        """The highest code that any layer's weights may have; that of int8 where weights stay float."""
        parts = [self, *(rule.use for rule in self.rules), *([self.end_layers] if self.end_layers else [])]
        return max((part.weights.integer_maximum for part in parts if part.weights is not None), default=127)

    def for_layer(self, path: str, layer_class: str) -> LayerScheme:
        """What this layer becomes: the first rule that matches, else the scheme itself."""
        return next((rule.use for rule in self.rules if rule.matches(path, layer_class)), self)

    def trained_by(self, **changes: Any) -> QuantScheme:
        """This scheme, the same file, with other ways to train it.

        changes: weight_ranges, activation_ranges, binary_gradient.

        >>> get_scheme("w4a8").trained_by(weight_ranges="least_squares").weight_ranges
        'least_squares'
        """
        unknown = set(changes) - {"weight_ranges", "activation_ranges", "binary_gradient"}
        if unknown:
            raise SchemeError(f"{sorted(unknown)[0]!r} is no way to train a scheme; give it a name of its own instead")
        return QuantScheme(**{**dict(self), **changes})

    def with_rules(self, *rules: Rule, name: str) -> QuantScheme:
        """This scheme under another name, with these rules read before its own."""
        return QuantScheme(**{**dict(self), "name": name, "rules": (*rules, *self.rules)})

    def check_rules(self, layers: Iterable[tuple[str, str]]) -> None:
        """Raises SchemeError when a rule cannot mean what its author meant.

        layers: (path, class name) of every layer of the model.

        Each rule must match a layer. Where two rules speak of one layer and disagree, the earlier one must be the
        narrower: all its layers among those of the later one, and fewer.
        """
        known = sorted(set(layers))
        matched = [frozenset(layer for layer in known if rule.matches(*layer)) for rule in self.rules]
        for rule, hits in zip(self.rules, matched, strict=True):
            if not hits:
                raise SchemeError(f"{rule} of scheme {self.name!r} matches no layer. {_nearest_layers(rule, known)}")
        for later in range(len(self.rules)):
            for earlier in range(later):
                shared = matched[earlier] & matched[later]
                if shared and self.rules[earlier].use != self.rules[later].use:
                    self._check_order(earlier, later, matched)

    def _check_order(self, earlier: int, later: int, matched: list[frozenset[tuple[str, str]]]) -> None:
        if matched[earlier] < matched[later]:
            return
        layer = min(matched[earlier] & matched[later])[0]
        mend = (
            "put the narrower rule first"
            if matched[later] < matched[earlier]
            else "narrow one of the two, so that one holds only layers of the other and stands first"
        )
        raise SchemeError(
            f"{self.rules[earlier]} and {self.rules[later]} of scheme {self.name!r} "
            f"disagree about layer {layer!r}; {mend}"
        )

    def to_json(self) -> str:
        """The scheme as JSON."""
        return self.model_dump_json(indent=2, exclude_defaults=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> QuantScheme:
        """The scheme that `to_json` wrote; raises SchemeError that names the wrong field."""
        try:
            return cls.model_validate_json(text)
        except pydantic.ValidationError as error:
            raise SchemeError(_explain("QuantScheme", error)) from None

    def save(self, path: Path) -> Path:
        """Writes the scheme as JSON."""
        return write_text(path, self.to_json())

    @classmethod
    def load(cls, path: Path) -> QuantScheme:
        """Reads what `save` wrote; raises SchemeError when it is something else."""
        try:
            return cls.from_json(read_text(path))
        except SchemeError as error:
            raise SchemeError(f"{path}: {error}") from None


class RuleFile(_Frozen):
    """A file of rules over a named scheme: `{"base": "w8a8", "rules": [{"path": "head/*", "use": "w8a16"}]}`."""

    base: str = "w8a8"
    rules: tuple[Rule, ...] = pydantic.Field(min_length=1)


def mixed_scheme(path: Path, *, name: str = "mixed") -> QuantScheme:
    """The scheme `mixed`, read from a file of rules; raises SchemeError when the file is something else."""
    try:
        rule_file = RuleFile.model_validate_json(read_text(path))
    except (pydantic.ValidationError, SchemeError) as error:
        detail = _explain("a file of rules", error) if isinstance(error, pydantic.ValidationError) else str(error)
        raise SchemeError(
            f'{path}: {detail}. Expected {{"base": "w8a8", "rules": [{{"path": …, "use": …}}]}}'
        ) from None
    return get_scheme(rule_file.base).with_rules(*rule_file.rules, name=name)


# ------------------------------------------------------------------------------------------------------ names

_WEIGHTS_8 = TensorSpec(num_bits=8, symmetric=True, narrow_range=True, granularity="per_axis")
_NAME = re.compile(
    r"(?P<levels>ternary|binary|pow2|apot|codebook)_a(?P<level_activations>\d+)"
    r"|w(?P<weights>\d+)(?:a(?P<activations>\d+)(?P<unsigned>_unsigned)?|(?P<dynamic>_dynamic)|_weight_only)"
    r"|fp16",
    re.ASCII,
)


def decode_layer_scheme(name: str) -> LayerScheme:
    """What a name says that the tensors become.

    `w<bits>a<bits>[_unsigned]`, `<levels>_a<bits>` (levels: ternary, binary, pow2, apot, codebook; their codes lie on
    the int8 grid), `w<bits>_dynamic`, `w<bits>_weight_only`, `fp16`. Weights have 2 to 8 bits and a scale an output
    channel, with steps that training learns below 8 bits; activations have 8 (asymmetric) or 16 bits (symmetric) and
    one scale. Raises SchemeError for any other name.

    >>> decode_layer_scheme("w8a16").bias_bits
    64
    """
    parts = _NAME.fullmatch(name)
    if parts is None:
        raise SchemeError(
            f"the scheme name {name!r} does not decode; expected w<bits>a<bits>, w<bits>_dynamic, w<bits>_weight_only, "
            "ternary_a<bits>, binary_a<bits>, pow2_a<bits>, apot_a<bits>, codebook_a<bits> or fp16"
        )
    if name == "fp16":
        return LayerScheme(float_bits=16)
    weight_bits = int(parts["weights"] or 8)
    if not 2 <= weight_bits <= 8:
        raise SchemeError(f"the scheme name {name!r} asks for {weight_bits}-bit weights; a file holds 2 to 8")
    weights = TensorSpec(num_bits=weight_bits, symmetric=True, narrow_range=True, granularity="per_axis")
    activation_bits = parts["activations"] or parts["level_activations"]
    if activation_bits is None:
        if parts["dynamic"]:
            return LayerScheme(weights=weights, activations=TensorSpec(num_bits=8), activation_mode="dynamic")
        return LayerScheme(weights=weights)
    if activation_bits not in ("8", "16") or (parts["unsigned"] and activation_bits != "8"):
        raise SchemeError(
            f"the scheme name {name!r} asks for {activation_bits}-bit activations; "
            "a file holds 8 (also unsigned) or 16 (signed)"
        )
    wide = activation_bits == "16"
    return LayerScheme(
        weights=weights,
        weight_levels=_LEVEL_NAMES.get(parts["levels"] or "", "uniform"),
        weight_ranges="min_max" if weight_bits == 8 else "learned_step",
        activations=TensorSpec(
            num_bits=int(activation_bits), signed=not parts["unsigned"], symmetric=wide, narrow_range=wide
        ),
        activation_mode="static",
        bias_bits=64 if wide else 32,
    )


def decode_scheme(name: str) -> QuantScheme:
    """The scheme that a name says; raises SchemeError when the name does not decode.

    Where weights have two bits or less and activations are static, the first and the last layer keep 8 bits.

    >>> decode_scheme("ternary_a8").end_layers == decode_layer_scheme("w8a8")
    True
    """
    layer = decode_layer_scheme(name)
    coarse = layer.weights is not None and (layer.weights.num_bits == 2 or layer.weight_levels in _COARSE_LEVELS)
    if not coarse or layer.activations is None or layer.activation_mode != "static":
        return QuantScheme(name=name, **dict(layer))
    ends = layer.model_copy(update={"weights": _WEIGHTS_8, "weight_levels": "uniform", "weight_ranges": "min_max"})
    return QuantScheme(name=name, **dict(layer), end_layers=ends)


_REGISTRY = Registry(
    "scheme",
    QuantScheme,
    [
        decode_scheme(name)
        for name in (
            *("w8a8", "w8a8_unsigned", "w4a8", "w3a8", "w2a8", "w8a16"),
            *("w8_dynamic", "w4_weight_only", "fp16"),
            *("ternary_a8", "binary_a8", "pow2_a8", "apot_a8", "codebook_a8"),
        )
    ],
    group="qat_kit.schemes",
)


def get_scheme(name_or_scheme: str | QuantScheme) -> QuantScheme:
    """The scheme of that name, or the scheme itself; raises UnknownNameError with the nearest names.

    `mixed` is no name of its own: it is read from a file of rules by `mixed_scheme`.
    """
    if isinstance(name_or_scheme, QuantScheme):
        return name_or_scheme
    if name_or_scheme == "mixed":
        raise SchemeError("the scheme 'mixed' is read from a file of rules: use mixed_scheme(path)")
    return _REGISTRY.get(name_or_scheme)


def scheme_names() -> tuple[str, ...]:
    """The name of every scheme, those of plugins included."""
    return _REGISTRY.names()


def _explain(subject: str, error: pydantic.ValidationError) -> str:
    faults = []
    for fault in error.errors():
        place, cause = ".".join(map(str, fault["loc"])), fault.get("ctx", {}).get("error")
        if isinstance(cause, SchemeError) and not place:
            return str(cause)  # it names its subject already
        faults.append(f"{place or 'as a whole'}: {cause if cause is not None else fault['msg']}")
    return f"{subject} cannot be made: {'; '.join(faults)}"


def _nearest_layers(rule: Rule, layers: list[tuple[str, str]]) -> str:
    paths = get_close_matches(rule.path or "", [path for path, _ in layers], n=2, cutoff=0.4)
    classes = sorted({layer_class for _, layer_class in layers})
    near = f"Nearest layers: {', '.join(map(repr, paths))}. " if paths else ""
    return f"{near}Layer classes of the model: {', '.join(classes) or 'none'}"
