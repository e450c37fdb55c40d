"""Every recipe's net on a few of its real samples, untrained: it becomes a proven int8 file that its figures judge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from qat_kit.checks import check_dataset, check_model_fits
from qat_kit.convert.job import Job
from qat_kit.convert.worker import run as convert
from qat_kit.datasets import label_arrays
from qat_kit.keras_models import predict_all
from qat_kit.measure import evaluate_all
from qat_kit.prepare import prepare
from qat_kit.recipe import all_recipes, load_recipe
from qat_kit.run.judging import judge_outputs
from qat_kit.simulation import export_simulated, simulate, trained_tensors
from qat_kit.training import joint_loss, loss_for
from qat_kit.verify import verify

# Those of the rest are nets that the zoo and other tests hold, on data that takes seconds to read.
NAMES = (*("activity", "anomaly", "detector", "enhance", "heartbeat", "recommender", "segmentation", "verification"),)
VARIANTS = [
    *(pytest.param(name, {}, id=name) for name in NAMES),
    *(pytest.param("activity", {"end": end}, id=end, marks=pytest.mark.slow) for end in ("gru", "lstm")),
    pytest.param("transfer", {"size": 32}, id="transfer", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "changes"), VARIANTS)
def test_a_recipes_net_becomes_a_proven_file(
    name: str, changes: dict[str, object], public_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QAT_KIT_DATA", str(public_data))
    recipe = load_recipe(name)
    settings = recipe.settings.changed({"max_samples": 48, **changes})
    tasks = tuple(head.task for head in recipe.heads)
    data = check_dataset(recipe.load_data(settings), *tasks).at_most(48)
    model = recipe.build_model(settings)
    check_model_fits(model, data, *tasks)

    few = data.train.take(slice(8))
    outputs = [tf.constant(values) for values in predict_all(model, few).values()]
    labels = tuple(map(tf.constant, label_arrays(few.labels)))
    loss = joint_loss([head.loss or loss_for(head.task, head.scores) for head in recipe.heads])
    several = len(outputs) > 1
    losses = loss(labels, outputs) if several else loss(labels[0], outputs[0])
    assert losses.shape[0] == 8
    assert np.isfinite(losses).all()

    qat = simulate(prepare(model), [data.calibration.inputs])
    trained = trained_tensors(qat.model)
    source = export_simulated(qat.model, tmp_path / "saved_model")
    file = tmp_path / "model.tflite"
    tensors = trained.save(tmp_path / "tensors.json")
    convert(Job(saved_model=source, output=file, mode="int8_from_qat", trained=tensors))
    certificate = verify(file, expected=trained, layers=tuple({*trained.outputs, *trained.weights}))
    assert certificate.passed, certificate.findings
    assert certificate.verdict.startswith("fully int8")

    quality = judge_outputs(
        recipe, evaluate_all(file, dict(zip(model.input_names, data.test.inputs, strict=True))), data.test
    )
    assert quality.headline == (recipe.figure or quality.headline)
    assert np.isfinite(quality.figures[quality.headline].value)


def test_every_recipe_says_what_it_is_and_what_it_learns_from() -> None:
    for recipe in all_recipes():
        assert recipe.summary, recipe.name
        assert recipe.data, recipe.name
        lines = Path(__file__).parents[2] / "recipes" / f"{recipe.name}.py"
        assert len(lines.read_text(encoding="utf-8").splitlines()) <= 60, recipe.name
