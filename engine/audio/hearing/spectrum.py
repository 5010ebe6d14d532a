"""Spectra of the newest samples: windows that react early, frequency bands, and the level of noise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
Bins = NDArray[np.complex64]

DEPTH_DB = 15.0  # below the cap; lowest level of the noise floor (a file can be quieter, a room cannot)
SMOOTH_SECONDS = 0.08  # time constant of the magnitudes that the noise floor follows
RISE_DB_PER_SECOND = 6.0  # fastest rise of the noise floor; it falls at once


def fft_length(seconds: float, samplerate: int) -> int:
    """Return the power of two of samples nearest to ``seconds``."""
    return int(2 ** round(math.log2(seconds * samplerate)))


class Spectrum:
    """Magnitudes of the last ``length`` samples. A sine of amplitude 1 has the magnitude 1.

    The window consists of two halves of a squared sine; the newer half is only ``rise`` samples wide. Its weight
    lies close to the newest sample, so an attack shows within milliseconds instead of half a window. The price is
    a little more leakage than that of a symmetric Hann window.
    """

    def __init__(self, length: int, rise: int, samplerate: int, highest: float = math.inf) -> None:
        """``length`` and ``rise`` in samples; bins above ``highest`` Hz are left out."""
        fall = np.sin(np.linspace(0.0, np.pi / 2, length - rise, endpoint=False)) ** 2
        window = np.concatenate([fall, np.cos((np.arange(rise) + 0.5) / rise * np.pi / 2) ** 2])
        self.length = length
        frequencies = np.fft.rfftfreq(length, 1.0 / samplerate)
        self.frequencies = frequencies[frequencies <= highest]  # Hz [bins]
        window *= 2.0 / window.sum()
        self.window = (window * length).astype(np.float32)  # `transform` divides by the length
        self._noise_gain = 0.5 * samplerate * float(np.sum(window.astype(np.float32).astype(np.float64) ** 2))

    def __call__(self, samples: Vector) -> Vector:
        """Return the magnitudes [..., bins] of the newest of ``samples`` [..., >= length]."""
        spectrum = transform(samples[..., -self.length :] * self.window)
        magnitudes: Vector = np.abs(spectrum[..., : len(self.frequencies)])
        return magnitudes

    def pink(self, dbfs: float) -> Vector:
        """Return the mean magnitudes [bins] of pink noise with an RMS level of ``dbfs`` dB."""
        audible = np.maximum(self.frequencies, 30.0)
        density = 10 ** (dbfs / 10) / (math.log(20000.0 / 20.0) * audible)  # power per Hz, ten octaves
        magnitudes: Vector = np.sqrt(np.pi / 4 * self._noise_gain * density).astype(np.float32)
        return magnitudes


def transform(samples: Vector, out: Bins | None = None) -> Bins:
    """Return the Fourier transforms [..., bins] of ``samples`` [..., length], divided by the length.

    Asked for that, NumPy computes in the samples' own precision; otherwise it would do so in double precision, slower.
    """
    # NumPy's stubs know double precision only.
    return np.fft.rfft(samples, norm="forward", out=out)  # type: ignore[return-value, arg-type]


def log_centres(low: float, high: float, per_octave: float, least: float) -> Vector:
    """Return the centres [bands] in Hz of bands from ``low`` to ``high``.

    There are ``per_octave`` bands in an octave, or fewer where they would be closer than ``least`` Hz.
    """
    centres = [low]
    while (following := max(centres[-1] * 2.0 ** (1.0 / per_octave), centres[-1] + least)) <= high:
        centres.append(following)
    return np.array(centres, np.float32)


def triangles(frequencies: NDArray[np.floating[Any]], centres: Vector) -> Vector:
    """Return a triangular band around each of ``centres`` (Hz), float32 [bands, bins]; each row sums to 1.

    A band reaches to its neighbours' centres, and at least one bin to either side. Bands above all ``frequencies``
    (Hz) [bins] are empty, so their number depends on ``centres`` alone.
    """
    bin_hz = float(frequencies[1] - frequencies[0])
    steps = np.diff(centres)
    below, above = np.maximum(np.append(steps[:1], steps), bin_hz), np.maximum(np.append(steps, steps[-1:]), bin_hz)
    away = frequencies[None, :] - centres[:, None]  # [bands, bins]
    rows = np.where(away < 0.0, 1.0 + away / below[:, None], 1.0 - away / above[:, None]).clip(0.0)
    shares: Vector = (rows / np.maximum(rows.sum(axis=1, keepdims=True), 1e-9)).astype(np.float32)
    return shares


class NoiseFloor:
    """The level of noise in each band: of the room, the amplifier, the input.

    It is the lowest recent magnitude and rises slowly. It starts at ``cap`` and never exceeds it: a steady sound
    that is louder counts as music.
    """

    SCRATCH = ("_step",)

    def __init__(self, cap: Vector, seconds: float) -> None:
        """``cap`` holds the highest magnitudes [bands]; ``seconds`` lie between two calls."""
        self.level = cap.copy()  # [bands]
        self._cap, self._least = cap, cap * np.float32(10.0 ** (-DEPTH_DB / 20.0))
        self._smooth = cap.copy()
        self._step = np.zeros_like(cap)
        self._share = np.full_like(cap, 1.0 - math.exp(-seconds / SMOOTH_SECONDS))
        self._rise = np.full_like(cap, 10.0 ** (RISE_DB_PER_SECOND / 20.0 * seconds))

    def __call__(self, magnitudes: Vector) -> Vector:
        """Follow ``magnitudes`` [bands] and return the floor [bands]."""
        level, smooth, step = self.level, self._smooth, self._step
        np.subtract(magnitudes, smooth, step)
        np.multiply(step, self._share, step)
        np.add(smooth, step, smooth)
        np.multiply(level, self._rise, level)
        np.minimum(level, smooth, out=level)
        np.maximum(level, self._least, out=level)
        np.minimum(level, self._cap, out=level)
        return level
