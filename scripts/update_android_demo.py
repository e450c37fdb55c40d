"""Puts a run's bundle into the Android demo, its float model beside it, and what LiteRT answers to the samples.

The app shows the bundle; the tests of `inference/` compare Kotlin's answers with LiteRT's in Python.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from qat_kit.convert.bundle import EVALUATION, bundle_app, open_artifact
from qat_kit.errors import DataError, QatKitError
from qat_kit.files import read_bytes, replacing, write_bytes
from qat_kit.litert.interpreter import Interpreter
from qat_kit.manifest import Manifest
from qat_kit.numerics import QuantParams, TensorSpec, quantize

DEMO = Path(__file__).resolve().parent.parent / "android_demo"
ASSETS = DEMO / "app/src/main/assets/bundle"
ANSWERS = DEMO / "inference/src/test/resources/cases/bundle_answers.npz"


def put(run: Path, assets: Path) -> Manifest:
    """Writes the bundle of a run, and the files that its manifest names beside the model; returns the manifest."""
    source = open_artifact(run)
    if source.manifest.files[0].kind != "int8":
        raise DataError(f"{run} holds a {source.manifest.files[0].kind} model; the demo shows fully int8 ones")
    assets.mkdir(parents=True, exist_ok=True)
    for old in assets.iterdir():
        old.unlink()
    bundle_app(run, assets)
    for entry in source.manifest.files[1:]:
        write_bytes(assets / entry.name, read_bytes(source.manifest_path.with_name(entry.name)))
    source.manifest.save(assets / "manifest.json")
    return source.manifest


def write_answers(assets: Path, manifest: Manifest, out: Path) -> None:
    """What XNNPACK answers to each sample of the bundle, as codes: `answers` [samples, classes]."""
    (tensor,) = manifest.inputs
    spec = TensorSpec()
    params = QuantParams(spec=spec, scale=np.float32(tensor.scale), zero_point=np.int32(tensor.zero_point))
    codes = quantize(np.load(assets / EVALUATION)["inputs"], params)
    with Interpreter(assets / manifest.files[0].name, kernel_set="xnnpack") as interpreter:
        (answers,) = interpreter.run({tensor.name: codes}).values()
    with replacing(out) as temporary:
        np.savez_compressed(temporary, answers=answers)


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a run's folder, for example runs/digits")
    try:
        manifest = put(parser.parse_args().run, ASSETS)
        write_answers(ASSETS, manifest, ANSWERS)
    except QatKitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{manifest.name}: {', '.join(sorted(file.name for file in ASSETS.iterdir()))} in {ASSETS}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
