"""What is relied on about the tflite-micro interpreter."""

from __future__ import annotations

import numpy as np
import pytest

from qat_kit.litert.interpreter import Interpreter
from tests.support.kernels import random_codes
from tests.support.tflite import int8_network
from tests.support.tflite_micro import run_on_micro


def test_a_small_network_gives_what_the_reference_kernels_give():
    random = np.random.default_rng(0)
    for seed in range(5):
        data = int8_network(seed)
        codes = random_codes(random, np.int8, (1, 4, 4, 2))
        expected = Interpreter(data, kernel_set="reference").run(codes)
        np.testing.assert_array_equal(run_on_micro(data, [codes])[0], expected)


def test_an_arena_that_is_too_small_is_refused():
    with pytest.raises(RuntimeError):
        run_on_micro(int8_network(), [np.zeros((1, 4, 4, 2), np.int8)], arena_size_bytes=512)
