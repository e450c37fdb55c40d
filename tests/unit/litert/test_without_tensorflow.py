"""Reading, verifying, inspecting and measuring work where TensorFlow cannot be imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.tflite import int8_network

PROGRAM = """
import sys
for name in ("tensorflow", "tf_keras", "keras", "tensorflow_model_optimization"):
    sys.modules[name] = None  # importing any of them raises ImportError

import numpy as np
from qat_kit.litert.interpreter import Interpreter
from qat_kit.litert.model_file import read_model
from qat_kit.measure import classification_quality, compare, environment, evaluate, file_runner, measure_latency
from qat_kit.inspection import inspect
from qat_kit.verify import verify

path = sys.argv[1]
inputs, labels = np.zeros((3, 4, 4, 2), np.float32), [0, 1, 2]
assert len(read_model(path).subgraphs) == 1
assert verify(path).passed
assert inspect(path).num_tensors == 13
scores = evaluate(path, inputs)
assert classification_quality(scores, labels, scores_are="probabilities").num_samples == 3
assert compare(scores, scores, labels, baseline="a", candidate="b").flipped == 0
assert measure_latency({"int8": file_runner(path, inputs)}, num_runs=5)["int8"].num_runs == 5
assert environment()
"""


def test_tensorflow_is_not_needed(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(int8_network())
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert finished.returncode == 0, finished.stderr
