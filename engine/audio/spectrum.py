"""Spectra of the newest samples: windows that hear early, bands, and the floor that is only noise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]

DEPTH_DB = 15.0  # the floor stays within so much of its cap: no room is quieter, only files are
SMOOTH_SECONDS = 0.08  # the floor listens to magnitudes averaged this long
RISE_DB_PER_SECOND = 6.0  # a louder room is believed this slowly; a quieter one at once


def fft_length(seconds: float, samplerate: int) -> int:
    """Return the power of two of samples nearest to ``seconds``."""
    return int(2 ** round(math.log2(seconds * samplerate)))


class Spectrum:
    """Magnitudes of the last ``length`` samples, a sine of amplitude 1 being 1.

    The window is two halves of a squared sine, the newer one only ``rise`` samples wide. Its weight
    lies close to the newest sample, so an attack is seen milliseconds, not half a window, after it
    happened; the price is a little more leakage than a symmetric Hann window.
    """

    def __init__(self, length: int, rise: int, samplerate: int) -> None:
        """``length`` and ``rise`` in samples."""
        fall = np.sin(np.linspace(0.0, np.pi / 2, length - rise, endpoint=False)) ** 2
        window = np.concatenate([fall, np.cos((np.arange(rise) + 0.5) / rise * np.pi / 2) ** 2])
        self.length = length
        self.frequencies = np.fft.rfftfreq(length, 1.0 / samplerate)  # Hz [length // 2 + 1]
        self._window = (2.0 * window / window.sum()).astype(np.float32)
        self._noise_gain = 0.5 * samplerate * float(np.sum(self._window.astype(np.float64) ** 2))

    def __call__(self, samples: Vector) -> Vector:
        """Return the magnitudes [length // 2 + 1] of the newest of ``samples`` [>= length]."""
        magnitudes: Vector = np.abs(np.fft.rfft(samples[-self.length:] * self._window)).astype(np.float32, copy=False)
        return magnitudes

    def pink(self, dbfs: float) -> Vector:
        """Return the magnitudes [length // 2 + 1] that pink noise of an RMS level shows on average."""
        audible = np.maximum(self.frequencies, 30.0)
        density = 10 ** (dbfs / 10) / (math.log(20000.0 / 20.0) * audible)  # power per Hz, ten octaves
        magnitudes: Vector = np.sqrt(np.pi / 4 * self._noise_gain * density).astype(np.float32)
        return magnitudes


def log_bands(frequencies: NDArray[np.floating[Any]], low: float, high: float, per_octave: int) -> NDArray[np.float32]:
    """Return triangular bands between ``low`` and ``high`` Hz, float32 [bands, bins], each row summing to 1.

    Bands so narrow that no bin falls into them are left out.
    """
    edges = low * 2.0 ** (np.arange(int(math.log2(high / low) * per_octave) + 2) / per_octave)
    rows = []
    for left, centre, right in zip(edges, edges[1:], edges[2:], strict=False):
        row = np.minimum((frequencies - left) / (centre - left), (right - frequencies) / (right - centre)).clip(0.0)
        if row.sum() > 0.0:
            rows.append(row / row.sum())
    return np.array(rows, np.float32)


class NoiseFloor:
    """What each band never falls below: the room, the amplifier, the hiss of an input.

    The lowest magnitude lately seen, which rises slowly. It starts at ``cap`` and never exceeds it:
    what is louder than that and steady is taken for music.
    """

    def __init__(self, cap: Vector, seconds: float) -> None:
        """``cap`` [bands]; ``seconds`` between calls."""
        self.level = cap.copy()  # [bands]
        self._cap, self._least = cap, cap * np.float32(10.0 ** (-DEPTH_DB / 20.0))
        self._smooth = cap.copy()
        self._share = np.float32(1.0 - math.exp(-seconds / SMOOTH_SECONDS))
        self._rise = np.float32(10.0 ** (RISE_DB_PER_SECOND / 20.0 * seconds))

    def __call__(self, magnitudes: Vector) -> Vector:
        """Listen to magnitudes [bands] and return the floor [bands]."""
        self._smooth += self._share * (magnitudes - self._smooth)
        np.minimum(self.level * self._rise, self._smooth, out=self.level)
        np.clip(self.level, self._least, self._cap, out=self.level)
        return self.level
