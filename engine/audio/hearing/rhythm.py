"""Rhythm: which of a few related tempi the onsets agree with.

A beat tracker that prefers tempi near 120 bpm hears three beats as four: 92 becomes 123. The onsets
tell them apart, for what is played comes again after one, two and four true beats (autocorrelation, as in Percival
and Tzanetakis, "Streamlined tempo estimation based on autocorrelation and cross-correlation with pulses", IEEE
TASLP 2014, here over the times of onsets instead of a flux).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from engine.borders.features import Onset

SECONDS = 12.0  # of onsets are remembered
LEAST_SECONDS = 7.0  # of onsets that say anything: a new groove must outlast what was before it
RATIOS = (3 / 4, 4 / 3, 2 / 3, 3 / 2)  # of the tempo that was heard, that may be the true one
BELIEVED = 1.3  # the one that was heard counts so much more
SPREAD_SECONDS = 0.012  # of the times of onsets
BEATS = (1, 2, 4)  # after so many beats things come again

Numbers = NDArray[np.float64]


class Rhythm:
    """The onsets of the last seconds."""

    def __init__(self) -> None:
        """Begin with none."""
        self._onsets: deque[tuple[float, float]] = deque()  # seconds, strength

    def hear(self, onsets: Iterable[Onset]) -> None:
        """Remember onsets, in the order of time."""
        for onset in onsets:
            self._onsets.append((onset.time, onset.strength))
            while self._onsets[0][0] < onset.time - SECONDS:
                self._onsets.popleft()

    def forget(self) -> None:
        """Begin anew."""
        self._onsets.clear()

    def settle(self, bpm: float) -> float:
        """Return ``bpm``, or what of RATIOS times that the onsets agree with clearly better."""
        if not self._onsets or self._onsets[-1][0] - self._onsets[0][0] < LEAST_SECONDS:
            return bpm
        times, strengths = np.array(self._onsets).T
        apart = times[:, None] - times[None, :]
        later, earlier = np.nonzero(apart > 0.05)
        apart, both = apart[later, earlier], strengths[later] * strengths[earlier]
        tempi = [bpm, *(bpm * ratio for ratio in RATIOS)]
        agreement = [self._agreement(60.0 / tempo, times, strengths, apart, both) for tempo in tempi]
        agreement[0] *= BELIEVED
        return tempi[int(np.argmax(agreement))]

    def beat(self, before: float, bpm: float) -> float:
        """Return the last beat at that tempo until ``before`` (seconds), where most of what is loud begins."""
        times, strengths = np.array(self._onsets).T
        turns = bpm / 60.0 * (times - before)
        since = -float(np.angle(np.sum(strengths ** 2 * np.exp(2j * np.pi * turns)))) / (2.0 * np.pi)
        return before - since % 1.0 * 60.0 / bpm

    @staticmethod
    def _agreement(period: float, times: Numbers, strengths: Numbers, apart: Numbers, both: Numbers) -> float:
        """Return how much comes again after BEATS of that ``period`` (seconds), 0..len(BEATS) about."""
        total = 0.0
        for lag in (beats * period for beats in BEATS):
            again = float(both @ np.exp(-0.5 * ((apart - lag) / SPREAD_SECONDS) ** 2))
            first, last = times[-1] - lag, times[0] + lag  # what can come again, and what can be that
            possible = float(np.sum(strengths[times <= first] ** 2) * np.sum(strengths[times >= last] ** 2)) ** 0.5
            total += again / max(possible, 1e-9)
        return total
