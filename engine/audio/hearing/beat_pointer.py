"""The beat pointer: how likely every tempo and every place within the beat is, from all that was heard so far.

A hidden Markov model whose states are a tempo (a whole number of frames in a beat) and a place (frames since the
beat). Each frame moves the place on by one; the tempo may change at a beat, the less likely the larger the change.
A beat is expected in the first part of the beat and nowhere else. Only the forward pass runs, so that the pointer is
causal and knows where the next beat will be. The model is that of Krebs, Böck and Widmer, "An efficient state-space
model for joint tempo and meter tracking", ISMIR 2015.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LOWEST_BPM, HIGHEST_BPM = 55.0, 215.0  # beats a minute
CHANGE = 60.0  # the paper's lambda; the larger, the less likely a change of tempo
REGION_SECONDS = 0.04  # from a beat; the network answers for it within
OTHERS = 8.0  # times; a frame without a beat is this much more common than one with a beat
LEAST, MOST = 0.02, 0.98  # likelihoods; an answer is believed no further
ANYWHERE = 1e-4  # probability; what a frame leaves to all states alike, so that none is ever impossible
NEAR = 0.06  # of a tempo; tempi as near as this count as the same one

Numbers = NDArray[np.float64]


class Standing(NamedTuple):
    """One tempo: beats a minute, the phase (0..1) at the newest frame, its probability, and how sure the phase is."""

    bpm: float
    phase: float
    mass: float
    sure: float


class BeatPointer:
    """Follows the answers of the beat network."""

    SCRATCH = ("_moved",)

    def __init__(self, seconds: float) -> None:
        """``seconds`` is the length of a frame."""
        self._seconds = seconds
        first, last = math.ceil(60.0 / HIGHEST_BPM / seconds), math.floor(60.0 / LOWEST_BPM / seconds)
        self._periods = np.arange(first, last + 1)  # frames [tempi]
        self._firsts = np.concatenate([[0], np.cumsum(self._periods)[:-1]])  # states [tempi]
        self._lasts = self._firsts + self._periods - 1
        phase = np.concatenate([(np.arange(period) + 0.5) / period for period in self._periods])
        region = max(1, round(REGION_SECONDS / seconds))  # frames
        places = np.concatenate([np.arange(period) for period in self._periods])
        self._within = np.nonzero(places < region)[0]  # states in which a beat is expected
        turn = 2.0 * np.pi * phase
        # Of each state the cosine and sine of its place in the beat, its period, and a 1: sums of these are looked up.
        self._turns = np.stack([np.cos(turn), np.sin(turn), self._periods.repeat(self._periods), np.ones_like(turn)])
        ratio = self._periods[None, :] / self._periods[:, None]
        change = np.exp(-CHANGE * np.abs(ratio - 1.0))
        self._change = change / change.sum(axis=1, keepdims=True)  # [from, to]
        near = np.abs(ratio - 1.0) <= NEAR
        self._near = near.astype(float)  # [tempi, tempi]
        self._ranges = [(int(self._firsts[row][0]), int(self._lasts[row][-1]) + 1) for row in near]  # states of these
        self._likely = np.zeros(len(phase))  # [states]
        self._moved = np.zeros_like(self._likely)  # the same in the frame before
        self.forget()

    def forget(self) -> None:
        """Begin again: every tempo is equally likely, and every place."""
        self._likely[:] = (1.0 / (len(self._periods) * self._periods)).repeat(self._periods)

    def __call__(self, beat: float) -> None:
        """Take the likelihood (0..1) of a beat in the next frame."""
        before, likely = self._likely, self._moved
        likely[1:] = before[:-1]
        likely[self._firsts] = before.take(self._lasts).dot(self._change)
        beat = min(MOST, max(LEAST, beat))
        other = (1.0 - beat) / OTHERS
        likely[self._within] *= beat / other
        likely *= (1.0 - ANYWHERE) / float(likely.dot(self._turns[3]))
        likely += ANYWHERE / len(likely)
        self._likely, self._moved = likely, before

    def standings(self, bpm: float) -> tuple[Standing, Standing | None]:
        """Return the most likely tempo, and the one near ``bpm`` (None without one)."""
        mass = self._near.dot(np.add.reduceat(self._likely, self._firsts))
        best = int(mass.argmax())
        likeliest = self._standing(best)
        if bpm <= 0.0:
            return likeliest, None
        nearest = math.ceil(60.0 / bpm / self._seconds - 0.5) - int(self._periods[0])
        held = min(max(0, nearest), len(mass) - 1)
        return likeliest, likeliest if held == best else self._standing(held)

    def _standing(self, tempo: int) -> Standing:
        """Return the standing of the tempi near ``tempo`` (an index)."""
        begin, end = self._ranges[tempo]
        cosine, sine, period, mass = self._turns[:, begin:end].dot(self._likely[begin:end]).tolist()
        return Standing(
            bpm=60.0 / (period / mass * self._seconds),
            phase=math.atan2(sine, cosine) / (2.0 * math.pi) % 1.0,
            mass=mass,
            sure=math.hypot(cosine, sine) / mass,
        )
