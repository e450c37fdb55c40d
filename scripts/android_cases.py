"""Cases for the Android demo's Kotlin: what the kit makes of real test samples, and of numbers that are hard to round.

Each recipe that the app has a screen for is run for one epoch over a few samples, so that scales and zero points are
real ones; what its model is worth does not matter here.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from qat_kit.datasets.spoken_digits import ORIGIN, SAMPLE_RATE, download
from qat_kit.datasets.store import PublicDataset
from qat_kit.litert.interpreter import Interpreter
from qat_kit.manifest import Manifest, TensorInterface
from qat_kit.measure.statistics import median_interval, wilson_interval
from qat_kit.numerics import QuantParams, TensorSpec, dequantize, quantize
from qat_kit.recipe import load_recipe

RESOURCES = Path(__file__).parent.parent / "android_demo/inference/src/test/resources/cases"
RECIPES = (
    "digits",
    "mnist_cnn",
    "mnist_mlp",
    "fashion_mnist",
    "cifar10_mobilenet",
    "cifar10_resnet8",
    "spoken_digits",
)
SHORT = ("max_samples=64", "epochs=1", "qat_epochs=1")
SAMPLES = 4


def params(interface: TensorInterface) -> QuantParams:
    """The quantization of an input or output."""
    return QuantParams(spec=TensorSpec(), scale=np.float32(interface.scale), zero_point=np.int32(interface.zero_point))


def raw_samples(name: str, inputs: NDArray[np.float32]) -> NDArray[Any]:
    """What the dataset was made of: counts 0 to 16, bytes 0 to 255, or sound in 16 bits."""
    if name == "spoken_digits":
        shapes = {"x_train": (SAMPLE_RATE,), "x_test": (SAMPLE_RATE,)}
        stored = PublicDataset(name=name, origin=ORIGIN, licence="CC BY-SA 4.0", shapes=shapes, download=download)
        return np.asarray(stored.load()["x_test"][: len(inputs)], np.int16)
    factor = 16 if name == "digits" else 255
    raw = np.rint(inputs * factor).astype(np.uint8)
    np.testing.assert_array_equal(raw.astype(np.float32) / np.float32(factor), inputs)
    return raw


def recipe_case(name: str, folder: Path) -> dict[str, NDArray[Any]]:
    """Raw samples, what the model takes and gives, and what that means; leaves the run in the folder."""
    command = [sys.executable, "-m", "qat_kit.cli", "run", name, "--out", folder]
    subprocess.run([*command, *(part for text in SHORT for part in ("--set", text))], check=True)
    manifest = Manifest.load(folder / "manifest.json")
    recipe = load_recipe(name)
    inputs = recipe.load_data(recipe.settings).test.inputs[0][:SAMPLES]
    codes = quantize(inputs, params(manifest.inputs[0]))
    with Interpreter(folder / "model.tflite", kernel_set="xnnpack") as interpreter:
        (answers,) = interpreter.run({manifest.inputs[0].name: codes}).values()
    reals = dequantize(answers, params(manifest.outputs[0]))
    return {
        "raw": raw_samples(name, inputs),
        "codes": codes,
        "answers": answers,
        "reals": reals,
        "probabilities": softmax(reals.astype(np.float64), axis=1),
        "top": np.argsort(-reals, axis=1, kind="stable")[:, :3].astype(np.int32),
    }


def numeric_cases() -> dict[str, NDArray[Any]]:
    """Ties, ends of the range and what lies beyond, under several parameters: rows of a table for each type."""
    random = np.random.default_rng(8)
    found: dict[str, NDArray[Any]] = {}
    for num_bits, signed, name in ((8, True, "int8"), (8, False, "uint8"), (16, True, "int16")):
        spec = TensorSpec(num_bits=num_bits, signed=signed)
        rows = []
        for scale in (1 / 255, 0.5, 0.0078125, 0.1, 3.7):
            lowest, highest = spec.integer_minimum, spec.integer_maximum
            for zero_point in (lowest, highest, int(random.integers(lowest, highest))):
                steps = np.concatenate([np.arange(-40, 40) / 2, random.normal(size=40) * (highest - lowest) / 2])
                reals = np.concatenate([steps * np.float32(scale), [0, 1e9, -1e9, 3e38]]).astype(np.float32)
                one = QuantParams(spec=spec, scale=np.float32(scale), zero_point=np.int32(zero_point))
                codes = quantize(reals, one)
                rows += [np.full(len(reals), one.scale), np.full(len(reals), zero_point), reals, codes]
                rows.append(dequantize(codes, one))
        found[name] = np.asarray(rows, np.float64).reshape(-1, 5, len(reals))
    return found


def resize_cases() -> dict[str, NDArray[Any]]:
    """Pictures before and after the kit's reading of an image file: stretched, and cut to the model's shape first."""
    import tensorflow as tf

    random = np.random.default_rng(9)
    found: dict[str, NDArray[Any]] = {}
    sizes = (((31, 47), (28, 28)), ((9, 7), (32, 32)), ((64, 48), (8, 8)), ((20, 33), (20, 11)))
    for place, (source, target) in enumerate(sizes):
        image = random.integers(0, 256, size=(*source, 3), dtype=np.uint8)
        found[f"{place}_from"] = image
        found[f"{place}_stretch"] = tf.image.resize(image, target, antialias=True).numpy()
        scale = min(source[0] / target[0], source[1] / target[1])
        rows, columns = (max(1, round(scale * size)) for size in target)
        cut = tf.image.crop_to_bounding_box(image, (source[0] - rows) // 2, (source[1] - columns) // 2, rows, columns)
        found[f"{place}_crop"] = tf.image.resize(cut, target, antialias=True).numpy()
    return found


def statistics_cases() -> dict[str, NDArray[Any]]:
    """Percentiles, spread and intervals of latencies; Wilson intervals of shares."""
    random = np.random.default_rng(10)
    percents = [5, 50, 90, 95, 99]
    found: dict[str, NDArray[Any]] = {"percents": np.asarray(percents, np.float64)}
    for count in (1, 5, 6, 200, 1500):
        values = np.sort(random.lognormal(size=count))
        found[f"values_{count}"] = values
        found[f"figures_{count}"] = np.asarray(
            [*np.percentile(values, percents), values.mean(), values.std(), *median_interval(values)]
        )
    shares = [(0, 1), (1, 1), (63, 64), (64, 64), (0, 64), (9889, 10000)]
    found["wilson"] = np.asarray([(*share, *wilson_interval(*share)) for share in shares])
    return found


def main() -> None:
    """Writes what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="*", default=RECIPES, help="which to make anew; all where none is named")
    for name in parser.parse_args().recipes:
        out = RESOURCES / name
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as scratch:
            np.savez_compressed(out / "cases.npz", **recipe_case(name, Path(scratch)))
            # The golden vectors are tried with the bundle that the app carries.
            Manifest.load(Path(scratch) / "manifest.json").model_copy(update={"golden": None}).save(
                out / "manifest.json"
            )
    for name, arrays in (
        ("numbers", numeric_cases()),
        ("resize", resize_cases()),
        ("statistics", statistics_cases()),
    ):
        np.savez_compressed(RESOURCES / f"{name}.npz", **arrays)


if __name__ == "__main__":
    main()
