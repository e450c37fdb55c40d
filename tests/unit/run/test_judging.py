"""Outputs judged as the recipe's task is, and gates on any of its figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from qat_kit.datasets import Split
from qat_kit.errors import GateError, RecipeError, UnknownNameError
from qat_kit.recipe import Head, Recipe, Settings
from qat_kit.results import Latency, Measurement, ModelMeasurement, Quality
from qat_kit.run import refuse_poor_figures
from qat_kit.run.judging import comparisons, judge_each, judge_outputs, paired

SAMPLES = Split(inputs=(np.zeros((3, 2, 2, 1), np.float32),), labels=np.array([[[0, 1], [1, 1]]] * 3))


def recipe(**changes: Any) -> Recipe:
    settings: dict[str, Any] = {
        **{"name": "mine", "summary": "", "settings": Settings(), "task": "segmentation", "scores": "logits"},
        **{"load_data": lambda _: None, "build_model": lambda _: None},
    }
    return Recipe(**{**settings, **changes})


def scores(*flips: int) -> dict[str, np.ndarray]:
    """Logits that are right in all pixels but these, counted over all three pictures."""
    maps = SAMPLES.labels.copy()
    for place in flips:
        maps.reshape(-1)[place] ^= 1
    return {"pixels": np.eye(2, dtype=np.float32)[maps]}


def test_pixels_are_judged_by_their_overlap() -> None:
    quality = judge_outputs(recipe(), scores(0), SAMPLES)
    # Class 0 has 3 pixels of which one is lost; class 1 has 9 and gets one more.
    assert quality.headline == "mean_iou"
    assert quality.figures["mean_iou"].value == pytest.approx((2 / 3 + 9 / 10) / 2)


def test_the_figure_that_matters_leads() -> None:
    quality = judge_outputs(recipe(figure="pixel_accuracy"), scores(0), SAMPLES)
    assert quality.headline == "pixel_accuracy"
    assert quality.figures["pixel_accuracy"].value == pytest.approx(11 / 12)
    with pytest.raises(UnknownNameError, match="did you mean 'mean_iou'"):
        judge_outputs(recipe(figure="mean_iuo"), scores(), SAMPLES)


def strangeness(outputs: Mapping[str, np.ndarray], split: Split) -> tuple[Any, Any]:
    return outputs["first"][:, 0] + outputs["second"][:, 0], split.labels


def test_all_outputs_together_can_make_the_answers() -> None:
    split = Split(inputs=(np.zeros((3, 1), np.float32),), labels=np.array([0, 1, 0]))
    outputs = {"first": np.array([[0.0], [1.0], [5.0]]), "second": np.array([[1.0], [2.0], [-3.0]])}
    mine = recipe(
        task="anomaly", scores="values", answers=strangeness, further=(Head(task="regression", scores="values"),)
    )
    assert judge_outputs(mine, outputs, split).figures["roc_auc"].value == 1.0
    assert judge_each(mine, outputs, split) == {}
    assert comparisons(mine, {"float": outputs, "int8": outputs}, split) == ()
    worse = {**outputs, "second": np.array([[1.0], [2.0], [3.0]])}
    test = paired(mine, {"float": outputs, "int8": worse}, split, figures=("roc_auc",), num_draws=20)
    assert list(test.differences) == ["roc_auc"]
    assert (test.baseline, test.candidate) == ("float", "int8")
    assert test.differences["roc_auc"].difference == -0.5
    with pytest.raises(RecipeError, match="answers of recipe mine failed: KeyError: 'second'"):
        judge_outputs(mine, {"first": outputs["first"]}, split)


def measured(quality: Quality | None) -> Measurement:
    names = [name for name in Latency.model_fields if name.endswith("_ms")]
    latency = Latency(**dict.fromkeys(names, 1.0), kernel_set="xnnpack", num_threads=1, num_runs=1, num_warm_up_runs=0)
    return Measurement(models=(ModelMeasurement(name="int8_tflite", quality=quality, size_bytes=1, latency=latency),))


def test_gates_hold_figures_to_bounds_in_their_direction() -> None:
    shares = measured(judge_outputs(recipe(), scores(0), SAMPLES))
    refuse_poor_figures(shares, Settings().changed({"gates": "mean_iou:0.7,pixel_accuracy:0.9"}))
    with pytest.raises(GateError, match=r"mean_iou is 0\.783333, below its gate 0\.8"):
        refuse_poor_figures(shares, Settings().changed({"gates": "mean_iou:0.8"}))
    values = Split(inputs=SAMPLES.inputs, labels=np.array([[1.0], [2.0], [3.0]]))
    errors = measured(judge_outputs(recipe(task="regression"), {"value": values.labels + 1}, values))
    refuse_poor_figures(errors, Settings(gates={"mean_squared_error": 1.0}))
    with pytest.raises(GateError, match=r"mean_squared_error is 1, above its gate 0\.5"):
        refuse_poor_figures(errors, Settings(gates={"mean_squared_error": 0.5}))
    with pytest.raises(UnknownNameError, match="no figure named 'accuracy'"):
        refuse_poor_figures(errors, Settings(gates={"accuracy": 0.5}))


def test_gates_of_any_output() -> None:
    truth = np.array([0, 1, 0]), np.array([[1.0], [2.0], [3.0]])
    split = Split(inputs=SAMPLES.inputs, labels=truth)
    two = recipe(task="classification", further=(Head(task="regression", scores="values"),))
    outputs = {"kind": np.eye(2, dtype=np.float32)[[0, 1, 1]], "age": np.float32(truth[1] + 2)}
    whole = measured(judge_outputs(two, outputs, split)).with_figures(
        "int8_tflite", outputs=judge_each(two, outputs, split)
    )
    refuse_poor_figures(whole, Settings().changed({"gates": "accuracy:0.6,kind.accuracy:0.6,age.mean_squared_error:4"}))
    with pytest.raises(GateError, match=r"age\.mean_squared_error is 4, above its gate 3"):
        refuse_poor_figures(whole, Settings().changed({"gates": "age.mean_squared_error:3"}))
    with pytest.raises(GateError, match=r"kind\.accuracy is 0\.666667, below its gate 0\.7"):
        refuse_poor_figures(whole, Settings(gates={"kind.accuracy": 0.7}))
    with pytest.raises(UnknownNameError, match=r"no figure named 'age\.accuracy'"):
        refuse_poor_figures(whole, Settings(gates={"age.accuracy": 0.7}))


def test_gates_judge_and_do_not_make_a_file() -> None:
    assert Settings(gates={"ssim": 0.9}, minimum_accuracy=0.5).recorded() == Settings().recorded()
