"""The beat pointer: how likely every tempo and every place within the beat is, from all that was heard so far.

A hidden Markov model whose states are a tempo (a whole number of frames in a beat) and a place (frames since the
beat). Each frame moves the place on by one; the tempo may change at a beat, the less likely the larger the change.
A beat is expected in the first part of the beat and nowhere else. Only the forward pass runs, so that the pointer is
causal and knows where the next beat will be. The model is that of Krebs, Böck and Widmer, "An efficient state-space
model for joint tempo and meter tracking", ISMIR 2015.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Standing:
    """One tempo: beats a minute, the phase (0..1) at the newest frame, its probability, and how sure the phase is."""

    bpm: float
    phase: float
    mass: float
    sure: float


class BeatPointer:
    """Follows the answers of the beat network."""

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
        self._turns = np.stack([np.ones_like(turn), np.cos(turn), np.sin(turn)])  # [3, states]
        ratio = self._periods[None, :] / self._periods[:, None]
        change = np.exp(-CHANGE * np.abs(ratio - 1.0))
        self._change = change / change.sum(axis=1, keepdims=True)  # [from, to]
        self._likely = np.empty(len(phase))  # [states]
        near = np.abs(ratio - 1.0) <= NEAR
        self._near = near.astype(float)  # [tempi, tempi]
        self._first = first  # frames; the shortest period
        self._turned = np.empty_like(self._turns)
        self._sums = np.empty((4, len(self._periods)))  # of probability, cosine, sine and period, of each tempo
        self.forget()

    def forget(self) -> None:
        """Begin again: every tempo is equally likely, and every place."""
        self._likely[:] = (1.0 / (len(self._periods) * self._periods)).repeat(self._periods)

    def __call__(self, beat: float) -> None:
        """Take the likelihood (0..1) of a beat in the next frame."""
        likely = self._likely
        begun = likely[self._lasts] @ self._change
        likely[1:] = likely[:-1].copy()
        likely[self._firsts] = begun
        beat = min(MOST, max(LEAST, beat))
        other = (1.0 - beat) / OTHERS
        likely[self._within] *= beat / other
        likely *= (1.0 - ANYWHERE) / likely.sum()
        likely += ANYWHERE / len(likely)

    def standings(self, bpm: float) -> tuple[Standing, Standing | None]:
        """Return the most likely tempo, and the one near ``bpm`` (None without one)."""
        np.multiply(self._turns, self._likely, self._turned)
        np.add.reduceat(self._turned, self._firsts, axis=1, out=self._sums[:3])
        np.multiply(self._sums[0], self._periods, self._sums[3])
        table = self._near.dot(self._sums.T)  # [tempi, 4]
        held = None
        if bpm > 0.0:
            nearest = math.ceil(60.0 / bpm / self._seconds - 0.5) - self._first
            held = self._standing(table[min(max(0, nearest), len(table) - 1)].tolist())
        return self._standing(table[table[:, 0].argmax()].tolist()), held

    def _standing(self, sums: list[float]) -> Standing:
        """Return the standing of a tempo by its row of the table."""
        mass, cosine, sine, periods = sums
        return Standing(
            bpm=60.0 / (periods / mass * self._seconds),
            phase=math.atan2(sine, cosine) / (2.0 * math.pi) % 1.0,
            mass=mass,
            sure=math.hypot(cosine, sine) / mass,
        )
