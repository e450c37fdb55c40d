#!/usr/bin/env python
"""What schemes, and ways of training them, make of the digits recipe's net: the int8 file's loss and accuracy.

    .venv/bin/python scripts/benchmarks/qat_options.py [--seeds 2] [--epochs 12] [ROW …]

Each seed trains one float model; every row fine-tunes that one and is judged by its file on the test data. "float" is
the same model fine-tuned in float for as many epochs.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

ROWS: dict[str, tuple[str, dict[str, str], dict[str, Any], dict[str, Any]]] = {
    # name: scheme, ways of training it, QatOptions, TrainingSettings
    "w8a8": ("w8a8", {}, {}, {}),
    "w8a8 learned activations": ("w8a8", {"activation_ranges": "learned_step"}, {}, {}),
    "w8a8 average": ("w8a8", {}, {}, {"average_decay": 0.99}),
    "w4a8 min_max": ("w4a8", {"weight_ranges": "min_max"}, {}, {}),
    "w4a8 least_squares": ("w4a8", {"weight_ranges": "least_squares"}, {}, {}),
    "w4a8": ("w4a8", {}, {}, {}),
    "w4a8 teacher": ("w4a8", {}, {"distillation_weight": 0.5}, {}),
    "w2a8 min_max": ("w2a8", {"weight_ranges": "min_max"}, {}, {}),
    "w2a8": ("w2a8", {}, {}, {}),
    "w2a8 teacher": ("w2a8", {}, {"distillation_weight": 0.5}, {}),
    "w2a8 bits 6,4": ("w2a8", {}, {"bits": (6, 4)}, {}),
    "ternary_a8": ("ternary_a8", {}, {}, {}),
    "binary_a8": ("binary_a8", {}, {}, {}),
    "binary_a8 approximate_sign": ("binary_a8", {"binary_gradient": "approximate_sign"}, {}, {}),
    "binary_a8 teacher": ("binary_a8", {}, {"distillation_weight": 0.5}, {}),
    "pow2_a8": ("pow2_a8", {}, {}, {}),
    "apot_a8": ("apot_a8", {}, {}, {}),
    "codebook_a8": ("codebook_a8", {}, {}, {}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", default=["float", *ROWS])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=12)
    arguments = parser.parse_args()
    figures: dict[str, list[tuple[float, float, float]]] = {row: [] for row in arguments.rows}
    for seed in range(arguments.seeds):
        one = _Seed(seed, arguments.epochs)
        for row in arguments.rows:
            figures[row].append(one.measure(row))
            print(f"seed {seed}, {row}: " + ", ".join(f"{value:.4g}" for value in figures[row][-1]), flush=True)
    print("\n| row | loss of each seed | accuracy of each seed | seconds |\n|---|---|---|---|")
    for row, found in figures.items():
        losses, accuracies, seconds = zip(*found, strict=True)
        print(
            f"| {row} | {' '.join(f'{loss:.3f}' for loss in losses)} | "
            f"{' '.join(f'{100 * accuracy:.1f}' for accuracy in accuracies)} | {np.mean(seconds):.0f} |"
        )


class _Seed:
    """The data, and a float model that was trained from one seed."""

    def __init__(self, seed: int, epochs: int) -> None:
        from qat_kit.prepare import prepare
        from qat_kit.recipe import load_recipe
        from qat_kit.training import TrainingSettings, fit, fix_randomness, loss_for

        self.seed, self.epochs = seed, epochs
        self.loss = loss_for("classification", "logits")
        recipe = load_recipe("digits")
        self.data = recipe.load_data(recipe.settings)
        fix_randomness(seed)
        model = recipe.build_model(recipe.settings)
        settings = TrainingSettings(epochs=recipe.settings.epochs, seed=seed)
        fit(model, self.data.train, loss=self.loss, settings=settings)
        self.prepared = prepare(model)

    def measure(self, row: str) -> tuple[float, float, float]:
        """(loss, accuracy, seconds of training)."""
        import tf_keras

        from qat_kit.qat import QatOptions, train
        from qat_kit.qat.selection import FileEvaluator
        from qat_kit.schemes import get_scheme
        from qat_kit.simulation import simulate
        from qat_kit.training import TrainingSettings, fit, fix_randomness

        fix_randomness(self.seed)
        start = time.perf_counter()
        data, common = self.data, {"epochs": self.epochs, "learning_rate": 1e-3, "seed": self.seed}
        if row == "float":
            model = tf_keras.models.clone_model(self.prepared.model)
            model.set_weights(self.prepared.model.get_weights())
            fit(model, data.train, loss=self.loss, settings=TrainingSettings(**common))
            seconds = time.perf_counter() - start
            answers = model.predict_on_batch(data.test.inputs[0])
            accuracy = float(np.mean(np.argmax(answers, axis=1) == data.test.labels))
            return float(np.mean(self.loss(data.test.labels, answers))), accuracy, seconds
        scheme, ways, options, settings = ROWS[row]
        calibration = [data.calibration.inputs]
        qat = simulate(
            self.prepared, calibration, scheme=get_scheme(scheme).trained_by(**ways), target="litert_xnnpack"
        )
        qat, _ = train(
            qat,
            data.train,
            calibration=calibration,
            loss=self.loss,
            settings=TrainingSettings(**common, **settings),
            options=QatOptions(**options),
            teacher=self.prepared.model,
        )
        seconds = time.perf_counter() - start
        with FileEvaluator(qat, data.test, loss=self.loss) as evaluate:
            figures = evaluate()
        return figures["int8_loss"], figures["int8_accuracy"], seconds


if __name__ == "__main__":
    main()
