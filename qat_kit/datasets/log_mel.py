"""Log-mel spectrograms: sound as a picture of frequencies over time."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def log_mel(
    waves: ArrayLike,
    *,
    sample_rate: int,
    window_s: float = 0.032,
    hop_s: float = 0.02,
    num_bands: int = 32,
    lowest_hz: float = 60.0,
    floor: float = 1e-5,
) -> NDArray[np.float32]:
    """Natural logarithms of the energies in mel-spaced bands, [samples, frames, bands, 1].

    waves: [samples, length], −1 to 1. Frames of `window_s` seconds under a periodic Hann window, every `hop_s`;
    triangular bands from `lowest_hz` to half the sample rate, equally spaced in mel = 2595 · log10(1 + f / 700);
    `floor` is added to each energy. Source: D. O'Shaughnessy, Speech Communication (1987), for the scale; S. Davis and
    P. Mermelstein, IEEE Transactions on Acoustics, Speech, and Signal Processing 28(4), 1980, for the bands.

    >>> log_mel(np.zeros((2, 8000)), sample_rate=8000).shape
    (2, 49, 32, 1)
    """
    signals = np.asarray(waves, np.float32)
    window, hop = round(window_s * sample_rate), round(hop_s * sample_rate)
    frames = np.lib.stride_tricks.sliding_window_view(signals, window, axis=1)[:, ::hop]
    hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)).astype(np.float32)
    power = np.abs(np.fft.rfft(frames * hann)) ** 2
    bands = _triangles(sample_rate, window, num_bands, lowest_hz)
    energies = power.astype(np.float32) @ bands / np.float32(window)
    return np.asarray(np.log(energies + np.float32(floor))[..., np.newaxis], np.float32)


def _triangles(sample_rate: int, window: int, num_bands: int, lowest_hz: float) -> NDArray[np.float32]:
    """The weight of each frequency in each band, [window // 2 + 1, bands]."""

    def mel(frequency: float) -> float:
        return float(2595 * np.log10(1 + frequency / 700))

    edges = 700 * (10 ** (np.linspace(mel(lowest_hz), mel(sample_rate / 2), num_bands + 2) / 2595) - 1)
    frequencies = np.fft.rfftfreq(window, 1 / sample_rate)[:, np.newaxis]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (frequencies - low) / (middle - low), (high - frequencies) / (high - middle)
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
