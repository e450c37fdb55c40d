"""MediaPipe's own image classifier takes a converted file by its metadata alone: normalization, labels, scores.

With float32 ends and one mean for all channels. It refuses int8 and a mean for each channel, and feeds pixels to a
uint8 input as they are, whatever the input's scale is (tasks/cc/vision/utils/image_tensor_specs.cc,
tasks/cc/components/processors/image_preprocessing_graph.cc).
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tf_keras import layers

from qat_kit.conversion import convert_model
from qat_kit.datasets.sources import open_source
from qat_kit.litert.interpreter import Interpreter
from qat_kit.manifest import Preprocessing
from tests.support.environments import environment_with
from tests.support.models import chain, model_of

pytestmark = pytest.mark.slow

NAMES = ("round", "straight", "crooked", "wide")
CLASSIFY = """
import json, sys
import numpy as np
import mediapipe as mp
from mediapipe.tasks.python import BaseOptions, vision

options = vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=sys.argv[1]))
with vision.ImageClassifier.create_from_options(options) as classifier:
    image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.load(sys.argv[2]))
    (answer,) = classifier.classify(image).classifications
print(json.dumps({category.category_name: category.score for category in answer.categories}))
"""


def test_the_image_classifier_names_and_scores_as_litert_does(tmp_path: Path) -> None:
    mediapipe = environment_with(tmp_path / "environment", "mediapipe==1.2.3")
    random = np.random.default_rng(0)
    photos = tmp_path / "photos"
    photos.mkdir()
    pixels = random.integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)
    for index, picture in enumerate(pixels):
        (photos / f"{index}.png").write_bytes(tf.io.encode_png(picture).numpy())
    parts = (layers.Conv2D(4, 3), layers.ReLU(), layers.GlobalAveragePooling2D(), layers.Dense(4), layers.Softmax())
    model = model_of(chain(*parts), (16, 16, 3))
    (name,) = model.input_names
    stated = Preprocessing(mean=(120.0,), std=(64.0,))
    source = open_source(photos, {name: (16, 16, 3)}, preprocessing=stated)
    done = convert_model(
        model, tmp_path / "out", representative=source, num_samples=12, interface="float32", class_names=NAMES
    )
    np.save(tmp_path / "image.npy", pixels[0])
    command = [str(mediapipe / "python"), "-c", CLASSIFY, str(done.artifact.path), str(tmp_path / "image.npy")]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    scores = json.loads(answer.stdout.splitlines()[-1])
    normalized = (pixels[:1] - np.array(stated.mean)) / np.array(stated.std)
    expected = Interpreter(done.artifact.path).run_real(normalized.astype(np.float32))
    np.testing.assert_allclose([scores[label] for label in NAMES], expected[0], atol=1e-6)
