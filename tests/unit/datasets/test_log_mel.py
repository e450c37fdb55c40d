"""Log-mel spectrograms: where a tone shows, and how loud."""

from __future__ import annotations

import numpy as np
import pytest

from qat_kit.datasets.log_mel import log_mel

SECOND = np.arange(8000) / 8000


def band_of(frequency: float) -> float:
    """Where a frequency lies among 32 bands from 60 Hz to 4 kHz, by the mel formula."""
    low, here, high = (2595 * np.log10(1 + value / 700) for value in (60, frequency, 4000))
    return (here - low) / (high - low) * 33 - 1


@pytest.mark.parametrize("frequency", [250.0, 1000.0, 2500.0])
def test_a_tone_is_loudest_in_its_band(frequency: float) -> None:
    picture = log_mel(np.sin(2 * np.pi * frequency * SECOND)[np.newaxis], sample_rate=8000)[0, :, :, 0]
    assert (np.abs(picture.argmax(axis=1) - band_of(frequency)) < 1).all()


def test_twice_the_amplitude_is_the_logarithm_of_four_more() -> None:
    tone = np.sin(2 * np.pi * 1000 * SECOND)[np.newaxis]
    quiet, loud = log_mel(0.25 * tone, sample_rate=8000), log_mel(0.5 * tone, sample_rate=8000)
    band = quiet[0, 0, :, 0].argmax()
    np.testing.assert_allclose((loud - quiet)[0, :, band, 0], np.log(4), atol=1e-3)


def test_silence_is_the_floor() -> None:
    np.testing.assert_allclose(log_mel(np.zeros((1, 8000)), sample_rate=8000, floor=1e-4), np.log(1e-4), rtol=1e-6)


def test_a_click_shows_in_the_frames_that_hold_it_alone() -> None:
    wave = np.zeros((1, 8000))
    wave[0, 4000] = 1.0
    loud = log_mel(wave, sample_rate=8000)[0].max(axis=(1, 2)) > np.log(1e-5) + 1
    # Frames of 256 samples begin every 160.
    assert np.flatnonzero(loud).tolist() == [24, 25] or np.flatnonzero(loud).tolist() == [24]
