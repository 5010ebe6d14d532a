"""Rhythm: which of a few related tempi fits the onsets best.

A beat tracker that prefers tempi near 120 bpm can hear three beats as four: 92 becomes 123. The onsets decide,
because music repeats after one, two and four beats of the true tempo. The measure is the autocorrelation of Percival
and Tzanetakis, "Streamlined tempo estimation based on autocorrelation and cross-correlation with pulses", IEEE TASLP
2014, here of the times of onsets instead of the spectral flux.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from engine.borders.features import Onset

MEMORY_SECONDS = 12.0  # age of the oldest onset that is kept
MIN_SECONDS = 7.0  # from the first onset to the last; with less, the reported tempo stays
RATIOS = (3 / 4, 4 / 3, 2 / 3, 3 / 2)  # times the reported tempo; the other tempi that are tried
REPORTED_BONUS = 1.3  # factor on the score of the tempo that the tracker reported
SPREAD_SECONDS = 0.012  # standard deviation of the times of onsets
BEATS = (1, 2, 4)  # beats; the lags at which a rhythm repeats

Numbers = NDArray[np.float64]


class Rhythm:
    """The onsets of the last MEMORY_SECONDS."""

    def __init__(self) -> None:
        """Begin without onsets."""
        self._onsets: deque[tuple[float, float]] = deque()  # seconds, strength

    def hear(self, onsets: Iterable[Onset]) -> None:
        """Add ``onsets``, which are in the order of time."""
        for onset in onsets:
            self._onsets.append((onset.time, onset.strength))
            while self._onsets[0][0] < onset.time - MEMORY_SECONDS:
                self._onsets.popleft()

    def forget(self) -> None:
        """Remove all onsets."""
        self._onsets.clear()

    def settle(self, bpm: float) -> float:
        """Return ``bpm``, the reported tempo, or that of RATIOS times it which fits the onsets clearly better."""
        if not self._onsets or self._onsets[-1][0] - self._onsets[0][0] < MIN_SECONDS:
            return bpm
        times, strengths = np.array(self._onsets).T
        apart = times[:, None] - times[None, :]
        later, earlier = np.nonzero(apart > 0.05)
        apart, both = apart[later, earlier], strengths[later] * strengths[earlier]
        tempi = [bpm, *(bpm * ratio for ratio in RATIOS)]
        agreement = [self._agreement(60.0 / tempo, times, strengths, apart, both) for tempo in tempi]
        agreement[0] *= REPORTED_BONUS
        return tempi[int(np.argmax(agreement))]

    def beat(self, before: float, bpm: float) -> float:
        """Return the time of the last beat up to ``before``, both in seconds; beats lie where loud onsets are."""
        times, strengths = np.array(self._onsets).T
        turns = bpm / 60.0 * (times - before)
        since = -float(np.angle(np.sum(strengths**2 * np.exp(2j * np.pi * turns)))) / (2.0 * np.pi)
        return before - since % 1.0 * 60.0 / bpm

    @staticmethod
    def _agreement(period: float, times: Numbers, strengths: Numbers, apart: Numbers, both: Numbers) -> float:
        """Return how well onsets repeat after BEATS beats of ``period`` seconds, about 0..len(BEATS).

        ``times`` and ``strengths`` [onsets] are the onsets'; ``apart`` (seconds) and ``both`` (product of strengths)
        [pairs] are those of all pairs.
        """
        total = 0.0
        for lag in (beats * period for beats in BEATS):
            again = float(both @ np.exp(-0.5 * ((apart - lag) / SPREAD_SECONDS) ** 2))
            first, last = times[-1] - lag, times[0] + lag  # latest onset that can repeat, earliest that can be a repeat
            possible = float(np.sum(strengths[times <= first] ** 2) * np.sum(strengths[times >= last] ** 2)) ** 0.5
            total += again / max(possible, 1e-9)
        return total
