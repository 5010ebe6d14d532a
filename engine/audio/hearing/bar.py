"""The bar: which beat of it this is, from what the beat network says of each beat, and from where the harmony changes.

A hidden Markov model whose states are a metre (METRES) and a beat of the bar. Each beat moves the state on by one; a
slip, a beat that was missed or told twice, is possible and rare. Only the forward pass runs, so that it is causal. The
state that is told is held until another is clearly more likely: a bar that jumps is worse than one that is late.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

METRES = (4, 3)  # beats in a bar
COMMON = (0.85, 0.15)  # of each metre, how common it is
SLIP = 0.01  # probability, at a beat, that the place in the bar is any
LEAST, MOST = 0.04, 0.96  # share of a first beat; the network is believed no further
WEIGHT = 0.15  # of what the network says of a beat: it errs alike in every bar of a song, half a bar off most often
HARMONY = 1.2  # weight of a change of harmony that is twice as large as usual
HARMONY_BEATS = 16.0  # time constant of what is usual
USUAL = (0.0, 2.5)  # times as usual; a change counts no further
MORE_LIKELY = 2.0  # times; another state that is this much more likely than the held one takes over
NEAR = 0.25  # of a beat, on either side of it; what the network says there is about that beat

Numbers = NDArray[np.float64]


class BarPointer:
    """Follows the bar. ``beats`` is its length in beats, ``place`` the beat (0: the first), ``sure`` is 0..1."""

    def __init__(self) -> None:
        """Begin without any knowledge."""
        self._firsts = np.cumsum([0, *METRES[:-1]])  # states; of each metre, the first beat
        self._lengths = np.repeat(METRES, METRES)  # [states]
        self._common: Numbers = np.repeat(np.array(COMMON) / METRES, METRES)
        self._next = np.concatenate(
            [first + (np.arange(beats) - 1) % beats for first, beats in zip(self._firsts, METRES, strict=True)]
        )  # [states], from which each is reached
        self.forget()

    def forget(self) -> None:
        """Begin again."""
        self._likely = self._common.copy()
        self._state = 0
        self._beat, self._first = 0.0, 0.0  # the most likely beat, and first beat, near the beat that is heard
        self._phase = 0.0
        self._open = False  # whether a beat is being heard
        self.sure = 0.0

    @property
    def beats(self) -> int:
        """Return the length of the bar in beats."""
        return int(self._lengths[self._state])

    @property
    def place(self) -> int:
        """Return which beat of the bar the last one was."""
        return int(self._state - self._firsts[METRES.index(self.beats)])

    def __call__(self, phase: float, beat: float, first: float) -> bool:
        """Hear a frame; return whether a beat was understood with it.

        ``phase`` (0..1) is the frame's place within the beat, ``beat`` and ``first`` are the likelihoods of a beat that
        is not the first one of a bar, and of one that is.
        """
        near = phase < NEAR or phase >= 1.0 - NEAR
        if near:
            if not self._open:
                self._open, self._beat, self._first = True, 0.0, 0.0
            self._beat, self._first = max(self._beat, beat), max(self._first, first)
        understood = self._open and not near and phase < 0.5
        if self._open and not near:
            self._open = False
        if understood:
            self._step(self._first / max(1e-6, self._first + self._beat), min(1.0, self._first + self._beat))
        return understood

    def weigh(self, change: float) -> None:
        """Take how much the harmony of the last beat is another one than that before, times as usual (1: says nothing).

        Harmony changes where bars begin more often than within them.
        """
        low, high = USUAL
        self._likely[self._firsts] *= np.exp(HARMONY * (min(high, max(low, change)) - 1.0))
        self._likely /= self._likely.sum()

    def _step(self, share: float, heard: float) -> None:
        """Move on by a beat; ``share`` is how much of it is a first beat, ``heard`` (0..1) whether there was any."""
        share = 0.5 + (min(MOST, max(LEAST, share)) - 0.5) * heard
        other = np.full(len(self._likely), (1.0 - share) ** WEIGHT)
        other[self._firsts] = share**WEIGHT
        likely = (1.0 - SLIP) * self._likely[self._next] + SLIP * self._common
        likely *= other
        self._likely = likely / likely.sum()
        state = int(np.nonzero(self._next == self._state)[0][0])
        best = int(self._likely.argmax())
        self._state = best if self._likely[best] > MORE_LIKELY * self._likely[state] else state
        even = 1.0 / len(self._likely)
        self.sure = max(0.0, (float(self._likely[self._state]) - even) / (1.0 - even))


class Harmony:
    """The harmony of each beat: how much it differs from that of the beat before."""

    def __init__(self) -> None:
        """Begin without any beat."""
        self._sum = [0.0] * 12
        self._before: Numbers = np.zeros(12)
        self._usual, self._heard = 0.0, 0.0  # the mean difference, and the part of HARMONY_BEATS that it covers

    def __call__(self, pitches: Sequence[float]) -> None:
        """Hear the power of each pitch class [12] in a hop of the beat."""
        self._sum = [total + math.sqrt(power) for total, power in zip(self._sum, pitches, strict=True)]

    def turn(self) -> float:
        """End the beat; return its difference from the one before, times as usual. It is 1 where nothing sounds."""
        total = math.hypot(*self._sum)
        if total <= 0.0:
            return 1.0
        now, before = np.array(self._sum) / total, self._before
        self._before, self._sum = now, [0.0] * 12
        if not before.any():
            return 1.0
        difference = 1.0 - float(now @ before)
        share = 1.0 / HARMONY_BEATS
        self._heard += share * (1.0 - self._heard)
        self._usual += share / self._heard * (difference - self._usual)
        return difference / max(1e-6, self._usual)
