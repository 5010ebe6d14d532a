"""Frequency bands relative to their own running averages, so that 1.0 means "as usual" at any volume."""

from __future__ import annotations

import math
from operator import mul

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
OPEN = 10.0 ** (GATE_FADE_DB / 20.0)  # the same, times a level
LEAKAGE_DB = ((0, 35, 60), (35, 0, 60), (60, 60, 0))  # row: band, column: other band; a band this far below is leakage
NARROW_LEAKAGE_DB = 40.0  # likewise of a narrow band and any other of these
LEAKAGE = tuple(tuple(10.0 ** (-db / 20.0) if db else 0.0 for db in row) for row in LEAKAGE_DB)
NARROW_LEAKAGE = 10.0 ** (-NARROW_LEAKAGE_DB / 20.0)


class Bands:
    """The levels of EDGES relative to their averages. A gate removes the room's noise.

    The bands are few, so that Python's own numbers are faster here than arrays.
    """

    def __init__(self, spectrum: Spectrum, seconds: float) -> None:
        """``spectrum`` gives the bins and the level of noise; ``seconds`` lie between two calls."""
        places = np.searchsorted(spectrum.frequencies, EDGES)  # [bands, 2]
        bins = np.arange(places.max())
        self._members = ((bins >= places[:, :1]) & (bins < places[:, 1:])).astype(np.float32)  # [bands, bins]
        levels = self._levels(spectrum.pink(ROOM_DBFS))
        self._shut = [level * 10.0 ** (gate / 20.0) for level, gate in zip(levels, GATE_DB, strict=True)]
        self._average = [0.0] * len(EDGES)
        self._heard = [0.0] * len(EDGES)  # 0..1: the part of FALL_SECONDS that the average covers
        self._rise, self._fall = (1.0 - math.exp(-seconds / s) for s in (RISE_SECONDS, FALL_SECONDS))
        self.gate = 0.0  # 0 silence .. 1 sound: the gate of the most open wide band

    def __call__(self, magnitudes: Vector) -> list[float]:
        """Return each band of EDGES, 0..MAX_BAND, from ``magnitudes`` [bins]."""
        levels, average, heard = self._levels(magnitudes), self._average, self._heard
        rise, fall = self._rise, self._fall
        bands, gates = [0.0] * len(levels), [0.0] * len(levels)
        for band, (level, shut) in enumerate(zip(levels, self._shut_up_to(levels), strict=True)):
            if level <= shut:
                continue
            gates[band] = gate = 1.0 if level >= OPEN * shut else _fade(level / shut)
            # The average starts as a plain mean and becomes an exponential one; silence does not change it.
            heard[band] += fall * gate * (1.0 - heard[band])
            share = (rise if level > average[band] else fall) * gate / heard[band]
            average[band] += (share if share < 1.0 else 1.0) * (level - average[band])
            relative = gate * level / average[band]
            bands[band] = relative if relative < MAX_BAND else MAX_BAND
        self.gate = max(gates[:WIDE])
        return bands

    def _shut_up_to(self, levels: list[float]) -> list[float]:
        """Return the level of each band up to which there is only the room's noise, or leakage from the other bands."""
        narrow = levels[WIDE:]
        second, highest = sorted(narrow)[-2:]
        most, more = NARROW_LEAKAGE * highest, NARROW_LEAKAGE * second
        wide, shut = levels[:WIDE], self._shut
        low = [max(noise, *map(mul, row, wide)) for noise, row in zip(shut, LEAKAGE, strict=False)]
        leaked = [most if level < highest else more for level in narrow]
        return low + [a if a > b else b for a, b in zip(shut[WIDE:], leaked, strict=True)]

    def _levels(self, magnitudes: Vector) -> list[float]:
        """Return the square root of the power in each band."""
        audible = magnitudes[: self._members.shape[1]]
        powers: list[float] = self._members.dot(audible * audible).tolist()
        return [math.sqrt(power) for power in powers]


def _fade(ratio: float) -> float:
    """Return how open a gate is, 0..1, by how far the level is above where it starts to open: 1 to OPEN times."""
    x = 20.0 / GATE_FADE_DB * math.log10(ratio)
    return x * x * (3.0 - 2.0 * x)
