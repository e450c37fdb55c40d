"""Remedies, really tried: what each layer's quantization costs, and what a change brings: `try_remedies`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.debug.records import DropSplit, Trial, Trials
from qat_kit.debug.twin import AS_TRAINED, FLOAT, Treatment, Twin, treating
from qat_kit.errors import DataError
from qat_kit.numerics import QuantParams, TensorSpec, choose_qparams, get_range_estimator
from qat_kit.progress import Progress, SilentProgress
from qat_kit.simulation.walk import quantized_layers
from qat_kit.simulation.wrapper import QuantizedLayer

if TYPE_CHECKING:
    import tf_keras

ESTIMATORS = ("min_max", "percentile", "least_squares", "portfolio")
_WIDE = TensorSpec(num_bits=16, symmetric=True, narrow_range=True)

# LiteRT's QUANTIZE leads from int8 to int16 and back, but where one layer's FakeQuant has 16 bits the converter puts
# none there: it writes int8 operators with int16 results, which LiteRT refuses (tests/contracts/test_mixed_widths.py).
_NO_MIXING = "simulated only: the converter mixes no widths that LiteRT runs; for all layers --set scheme=w8a16"
_NO_ISLANDS = "simulated only: in a file it would be a float island"


def try_remedies(
    model: tf_keras.Model,
    batches: Sequence[Sequence[NDArray[Any]]],
    *,
    calibration: Sequence[Sequence[NDArray[Any]]],
    num_layers: int = 3,
    progress: Progress | None = None,
) -> Trials:
    """Takes quantizers out of a simulated model and puts others in, and measures its outputs each time.

    batches: each holds the arrays of all inputs, in the model's order; calibration: others, from which the ranges are
    chosen that are tried. Every layer is left float once; of the `num_layers` that cost most, each range estimator is
    tried, 16-bit activations, and float; of all layers together the estimators and 16 bits.

    Raises DataError where the model has no quantizer.
    """
    layers = [layer for layer in quantized_layers(model) if _quantizes(layer)]
    if not layers:
        raise DataError("the model has no quantizers: give the qat.keras of a run")
    twin = Twin(model, batches)
    base = twin.sqnr_db(treating({}))
    with (progress or SilentProgress()).track("trying remedies", len(layers) + num_layers + 1) as advance:
        costs: dict[str, float] = {}
        for layer in layers:
            costs[layer.name] = _gain(twin.sqnr_db(treating({layer.name: FLOAT})), base)
            advance(1)
        costs = dict(sorted(costs.items(), key=lambda pair: -pair[1]))
        groups = _observed(Twin(model, calibration))
        trials = _for_all(twin, groups, base)
        advance(1)
        for name in list(costs)[:num_layers]:
            layer = next(each for each in layers if each.name == name)
            trials += _for_one(twin, layer, groups, base)
            advance(1)
    return Trials(
        num_samples=sum(len(batch[0]) for batch in batches),
        split=DropSplit(
            weights_only_db=twin.sqnr_db(treating({}, Treatment(output=False))),
            activations_only_db=twin.sqnr_db(treating({}, Treatment(kernel=False))),
            both_db=base,
        ),
        costs_db=costs,
        trials=tuple(sorted(trials, key=lambda trial: -trial.gain_db)),
    )


def _for_all(twin: Twin, groups: dict[str, list[NDArray[Any]]], base: float) -> list[Trial]:
    trials = []
    for estimator in ESTIMATORS:
        params = {group: _params(values, estimator, _spec(twin, group)) for group, values in groups.items()}
        changes = _in_groups(twin, params)
        how = f"--set range_estimator={estimator}"
        trials.append(_trial(twin, "", f"ranges by {estimator}", changes, base, how))
    wide = {group: _params(values, "min_max", _WIDE) for group, values in groups.items()}
    changes = _in_groups(twin, wide)
    how = "--set scheme=w8a16; slower, since XNNPACK leaves 16-bit activations"
    return [*trials, _trial(twin, "", "16-bit activations", changes, base, how)]


def _for_one(twin: Twin, layer: QuantizedLayer, groups: dict[str, list[NDArray[Any]]], base: float) -> list[Trial]:
    group = _group(layer)
    trials = [_trial(twin, layer.name, "float", {layer.name: FLOAT}, base, _NO_ISLANDS)]
    if layer.kernel is not None:
        trials.append(
            _trial(
                twin,
                layer.name,
                "float weights",
                {layer.name: replace(AS_TRAINED, kernel=False)},
                base,
                "train longer: the weights have a scale each channel already",
            )
        )
    if group is None or group not in groups:
        return trials
    for estimator in ESTIMATORS:
        params = _params(groups[group], estimator, _spec(twin, group))
        changes = _in_groups(twin, {group: params})
        how = f"--set range_estimator={estimator}, for all layers"
        trials.append(_trial(twin, layer.name, f"range by {estimator}", changes, base, how))
    changes = _in_groups(twin, {group: _params(groups[group], "min_max", _WIDE)})
    return [*trials, _trial(twin, layer.name, "16-bit activations", changes, base, _NO_MIXING)]


def _trial(twin: Twin, layer: str, change: str, changes: dict[str, Treatment], base: float, how: str) -> Trial:
    ratio = twin.sqnr_db(treating(changes))
    return Trial(layer=layer, change=change, sqnr_db=ratio, gain_db=_gain(ratio, base), how=how)


def _observed(twin: Twin) -> dict[str, list[NDArray[Any]]]:
    """Group → what flows into its quantizers with nothing before them quantized but weights, as in calibration."""
    found: dict[str, list[NDArray[Any]]] = {}

    def observe(layer: QuantizedLayer, value: Any) -> None:
        group = _group(layer)
        if group is not None and not layer.quantize_config.fixed:
            found.setdefault(group, []).append(np.asarray(layer.observed(value), np.float32))

    twin.run(treating({}, Treatment(output=False)), observe)
    return found


def _params(values: list[NDArray[Any]], estimator: str, spec: TensorSpec) -> QuantParams:
    observer = get_range_estimator(estimator)
    for array in values:
        observer.update(array)
    return choose_qparams(*observer.range(), spec)


def _group(layer: QuantizedLayer) -> str | None:
    return layer.quantize_config.group if layer.quantize_config.output_quantizer else None


def _in_groups(twin: Twin, params: dict[str, QuantParams]) -> dict[str, Treatment]:
    """Other parameters for all layers of some groups."""
    members = ((layer.name, _group(layer)) for layer in twin.layers)
    return {name: Treatment(params=params[group]) for name, group in members if group in params}


def _spec(twin: Twin, group: str) -> TensorSpec:
    layer = next(each for each in twin.layers if _group(each) == group)
    spec: TensorSpec = layer.quantize_config.output_quantizer.spec
    return spec


def _quantizes(layer: QuantizedLayer) -> bool:
    return layer.kernel is not None or layer.quantize_config.output_quantizer is not None


def _gain(ratio: float, base: float) -> float:
    """In dB; none between two that have no noise at all."""
    return 0.0 if ratio == base else ratio - base
