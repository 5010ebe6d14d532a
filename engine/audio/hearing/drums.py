"""Kick, snare and hat: which drums of a kit begin, told from how much each band of the onset detector grows.

A logistic regression of the growth (over the loudest of the recent past, in decades) gives each drum a likelihood; one
above the threshold is a strike. Its weights, drums.npz beside this file, were fitted to recorded kits (drums.md). They
tell sounds like drums, not instruments: a hard plucked bass can be a kick, and noise that bursts a snare.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from engine.audio.hearing.spectrum import Vector

WEIGHTS = Path(__file__).with_name("drums.npz")
NAMES = ("kick", "snare", "hat")
THRESHOLD, REARM = 0.75, 0.4  # likelihoods; a strike is above the first, after one below the second
LEAST = 0.01  # strength of a strike
RECENT_SECONDS = 2.5  # time constant of the decaying largest growth that a strike's strength is relative to
GAP_SECONDS = 0.08  # least time between two strikes of one drum


class Drums:
    """Finds the strikes of each of NAMES, step by step of the onset detector."""

    def __init__(self, seconds: float) -> None:
        """``seconds`` lie between two steps."""
        with np.load(WEIGHTS) as file:
            self._weights = file["weights"].astype(np.float32)  # [drums, bands]
            biases = file["biases"].tolist()  # of each drum
        self._seconds = seconds
        self._decay = math.exp(-seconds / RECENT_SECONDS)
        self._largest = [1e-9] * len(NAMES)
        self._since = [math.inf] * len(NAMES)  # seconds since the last strike
        self._armed = [True] * len(NAMES)
        self._yes, self._no = ([math.log(p / (1.0 - p)) - bias for bias in biases] for p in (THRESHOLD, REARM))

    def __call__(self, growth: Vector) -> list[float]:
        """Return how hard each drum is struck at this step, 0 (not) .. 1, from the bands' growth in decades [bands]."""
        rises: list[float] = self._weights.dot(growth).tolist()  # of each logit, the part that growth brought
        struck = [0.0] * len(rises)
        for drum, rise in enumerate(rises):
            self._since[drum] += self._seconds
            decayed = self._largest[drum] * self._decay
            self._largest[drum] = rise if rise > decayed else decayed
            if rise < self._no[drum]:
                self._armed[drum] = True
            elif rise >= self._yes[drum] and self._armed[drum] and self._since[drum] >= GAP_SECONDS:
                self._armed[drum], self._since[drum] = False, 0.0
                struck[drum] = min(1.0, max(LEAST, rise / self._largest[drum]))
        return struck
