"""Frequency bands relative to their own running averages, so that 1.0 means "as usual" at any volume."""

from __future__ import annotations

import math

import numpy as np

from engine.audio.hearing.spectrum import Spectrum, Vector

# Hz: bass, mid and treble, then the seven that mixing engineers name (borders/features.py: BANDS).
EDGES = (
    (20.0, 150.0),
    (150.0, 2500.0),
    (2500.0, 16000.0),
    (20.0, 60.0),
    (60.0, 150.0),
    (150.0, 400.0),
    (400.0, 1000.0),
    (1000.0, 2500.0),
    (2500.0, 6000.0),
    (6000.0, 16000.0),
)
WIDE = 3  # of EDGES; those that follow are narrow
RISE_SECONDS, FALL_SECONDS = 3.0, 8.0  # time constants of a band's average, while the band is above it and below it
MAX_BAND = 4.0  # times the running average; upper limit of a band
ROOM_DBFS = -50.0  # RMS level; pink noise up to here counts as silence
# Above the room's noise; each band's gate starts to open here. The fewer bins a band has, the more its level varies.
GATE_DB = (8.0, 5.0, 3.5, 11.0, 9.0, 7.0, 6.0, 5.0, 4.5, 4.0)
GATE_FADE_DB = 4.0  # from the start of a gate's opening to its end
LEAKAGE_DB = ((0, 35, 60), (35, 0, 60), (60, 60, 0))  # row: band, column: other band; a band this far below is leakage
NARROW_LEAKAGE_DB = 40.0  # likewise of a narrow band and any other of these


class Bands:
    """The levels of EDGES relative to their averages. A gate removes the room's noise."""

    def __init__(self, spectrum: Spectrum, seconds: float) -> None:
        """``spectrum`` gives the bins and the level of noise; ``seconds`` lie between two calls."""
        places = np.searchsorted(spectrum.frequencies, EDGES)  # [bands, 2]
        bins = np.arange(len(spectrum.frequencies))
        self._members = ((bins >= places[:, :1]) & (bins < places[:, 1:])).astype(np.float32)  # [bands, bins]
        margin = np.array([10.0 ** (gate / 20.0) for gate in GATE_DB], np.float32)
        self._shut = self._levels(spectrum.pink(ROOM_DBFS)) * margin  # [bands]
        self._leakage = _leakage()
        count = len(EDGES)
        self._average = np.zeros(count, np.float32)
        self._heard = np.zeros(count, np.float32)  # 0..1: the part of FALL_SECONDS that the average covers
        self._rise, self._fall = (np.float32(1.0 - math.exp(-seconds / s)) for s in (RISE_SECONDS, FALL_SECONDS))
        self.gate = 0.0  # 0 silence .. 1 sound: the gate of the most open wide band

    def __call__(self, magnitudes: Vector) -> list[float]:
        """Return each band of EDGES, 0..MAX_BAND, from ``magnitudes`` [bins]."""
        level = self._levels(magnitudes)
        shut = np.maximum(self._shut, np.maximum.reduce(self._leakage * level, axis=1))
        above = (20.0 / GATE_FADE_DB) * np.log10(np.maximum(level, 1e-9) / shut)
        x = np.minimum(np.maximum(above, 0.0), 1.0)
        gate = x * x * (3.0 - 2.0 * x)
        self.gate = float(np.maximum.reduce(gate[:WIDE]))
        # The average starts as a plain mean and becomes an exponential one; silence does not change it.
        share = np.where(level > self._average, self._rise, self._fall)
        self._heard += self._fall * gate * (1.0 - self._heard)
        self._average += np.minimum(1.0, share * gate / np.maximum(self._heard, 1e-9)) * (level - self._average)
        bands: list[float] = np.minimum(gate * level / np.maximum(self._average, 1e-9), MAX_BAND).tolist()
        return bands

    def _levels(self, magnitudes: Vector) -> Vector:
        """Return the square root of the power in each band [bands]."""
        levels: Vector = np.sqrt(self._members @ (magnitudes * magnitudes))
        return levels


def _leakage() -> Vector:
    """Return how much of each other band's level [bands, bands] counts as leakage."""
    count = len(EDGES)
    share = np.zeros((count, count), np.float32)
    share[:WIDE, :WIDE] = 10.0 ** (-np.array(LEAKAGE_DB) / 20.0)
    share[WIDE:, WIDE:] = 10.0 ** (-NARROW_LEAKAGE_DB / 20.0)
    np.fill_diagonal(share, 0.0)
    return share
