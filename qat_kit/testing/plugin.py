"""The assertions as fixtures of pytest. It is loaded wherever this package is installed, so it imports next to nothing.

def test_it_is_fully_int8(assert_fully_int8):
    assert_fully_int8("app/model.tflite")
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from qat_kit import testing

_Assertion = Callable[..., Any]


@pytest.fixture(scope="session")
def assert_fully_int8() -> _Assertion:
    """`qat_kit.testing.assert_fully_int8`: a .tflite file holds no float, as its certificate proves."""
    return testing.assert_fully_int8


@pytest.fixture(scope="session")
def assert_parity() -> _Assertion:
    """`qat_kit.testing.assert_parity`: a .tflite file answers its golden inputs as it did when it was made."""
    return testing.assert_parity


@pytest.fixture(scope="session")
def assert_accuracy() -> _Assertion:
    """`qat_kit.testing.assert_accuracy`: a .tflite file's figure on labelled samples is good enough."""
    return testing.assert_accuracy


@pytest.fixture(scope="session")
def assert_latency_ratio() -> _Assertion:
    """`qat_kit.testing.assert_latency_ratio`: a .tflite file takes no more than a share of another's time."""
    return testing.assert_latency_ratio
