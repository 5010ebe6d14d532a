"""Growth: how the levels of a step stand to those before it, as the onset network reads them.

The network learned from differences: of a band's level to an earlier one, to its running mean, to its decaying peaks.
It begins with a matrix, so it gets level, mean and peaks themselves, and the matrix subtracts; see `mix`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.audio.hearing.spectrum import Vector

PAST = ((5, 14), (2, 8))  # steps back, for each window: the nearest and the furthest level that it grows from
SLOW_SECONDS = 0.5  # time constant of each band's running mean
PEAK_DECADES = (1.0, 0.1)  # decades per second; decay of each band's two peak followers
DIFFERENCE_STEPS = 2  # steps back; the level that the short difference subtracts
MEMORY = max(last for _, last in PAST)  # steps; past levels that growth needs
VIEWS = 4 + len(PEAK_DECADES)  # values per band; what the network learned from
KEPT = 32  # steps; the levels are moved to the front when so many are there


def mix(seconds: float) -> NDArray[np.float64]:
    """Return how each of the network's views is a sum of the parts that it gets [VIEWS, VIEWS].

    The parts are the level, an earlier one, the growth, the running mean before this step, the peaks. The views are the
    level, then how far it is above the earlier one, the growth, how far it is above the mean with this step, above the
    peaks.
    """
    level, growth, slow = 0, 2, 3
    views = -np.eye(VIEWS)
    views[:, level] = 1.0
    views[growth] = np.eye(VIEWS)[growth]
    views[slow] *= math.exp(-seconds / SLOW_SECONDS)
    return views


class Growth:
    """Write a step's ``level`` [bands], `measure` it, and `remember` it before the next one."""

    SCRATCH = ("_step",)

    def __init__(self, parts: Vector, split: int, seconds: float) -> None:
        """``parts`` [VIEWS, bands] is where the network reads; the first ``split`` bands are of the long window.

        ``seconds`` lie between two steps.
        """
        bands = parts.shape[1]
        self.level, self._earlier, self.grown, self._slow = parts[:4]
        self._peaks = parts[4:]
        self.past = np.zeros(bands, np.float32)  # the highest of the levels that growth is measured against
        self._past = (self.past[:split], self.past[split:])
        self._levels = np.zeros((KEPT, bands), np.float32)  # of the last steps
        self._places = [_place(self._levels, row, split) for row in range(KEPT)]
        self._row = MEMORY - 2  # of the newest level
        self._share = np.full(bands, 1.0 - math.exp(-seconds / SLOW_SECONDS), np.float32)
        self._fall = np.repeat(np.array([PEAK_DECADES], np.float32).T * np.float32(seconds), bands, axis=1)
        self._none = np.zeros_like(self._fall)
        self._no_growth, self._mean = self._none[0], np.full(bands, 1.0 / bands, np.float32)
        self._step = np.zeros(bands, np.float32)

    def measure(self) -> None:
        """Measure how much each band's level has grown."""
        np.subtract(self.level, self.past, self.grown)
        np.maximum(self.grown, self._no_growth, out=self.grown)

    def mean(self) -> float:
        """Return the mean growth of the bands."""
        return float(self.grown.dot(self._mean))

    def remember(self) -> None:
        """Keep the level as that of the last step."""
        level, slow, peaks, step = self.level, self._slow, self._peaks, self._step
        np.subtract(level, slow, step)
        np.multiply(step, self._share, step)
        np.add(slow, step, slow)
        np.maximum(peaks, level, out=peaks)
        np.subtract(peaks, self._fall, peaks)
        np.maximum(peaks, self._none, out=peaks)
        self._row += 1
        if self._row == KEPT:
            self._row = MEMORY - 1
            self._levels[: self._row] = self._levels[KEPT - self._row :]
        newest, earlier, long, short = self._places[self._row]
        newest[:] = level
        self._earlier[:] = earlier
        np.maximum.reduce(long, axis=0, out=self._past[0])
        np.maximum.reduce(short, axis=0, out=self._past[1])


def _place(levels: Vector, row: int, split: int) -> tuple[Vector, ...]:
    """Return what the next step needs of ``levels`` [steps, bands] if ``row`` is the newest: that one,
    the earlier one that it is compared with, and those that each window's growth is measured against.
    """
    after = row + 1
    long, short = (slice(max(0, after - far), max(0, after - near + 1)) for near, far in PAST)
    return levels[row], levels[max(0, after - DIFFERENCE_STEPS)], levels[long, :split], levels[short, split:]
