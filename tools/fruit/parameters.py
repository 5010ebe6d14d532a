"""The parameters of a procedural renderer: kinds that blend into each other, and knobs.

A picture is a function of theta, a vector in about unit scale: the first numbers say how much of each kind it is, on a
scale on which 1 is pure; the others are knobs, -1..1 around the usual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

# Kinds compete: the sharpness turns the first numbers of theta into weights. Even a theta that truncation has shrunk
# to 0.7 around the mean is one clear kind.
SHARPNESS = 8.0
AHEAD = 0.2  # of the kind that wins where all are equal, in the middle of W
FLOOR = 0.08  # weight; smaller ones are taken as 0, so that a picture holds few kinds


@dataclass(frozen=True, slots=True)
class Parameters:
    """The numbers of theta by name. ``first`` is the kind that wins where all are equal."""

    kinds: Sequence[str]
    knobs: Sequence[str]
    pose: Sequence[str]  # knobs that say where and from where
    pose_range: float  # share of the scale from which `sample` draws the pose; a small one is easier
    first: str
    blends: float = 0.40  # share of `sample` that mixes two kinds
    truncated: float = 0.40  # share of it that lies nearer to the mean
    nearest: float = 0.0  # square of how near: 0 is the mean itself

    def weights(self, theta: Array) -> Array:
        """Share of each kind in the pictures of `theta` [n, THETA]: [n, kinds], rows sum to 1, mostly zeros."""
        bias = np.array([AHEAD if kind == self.first else 0.0 for kind in self.kinds], np.float32)
        logits = SHARPNESS * (theta[:, : len(self.kinds)] + bias)
        share = np.exp(logits - logits.max(1, keepdims=True))
        share = np.maximum(share / share.sum(1, keepdims=True) - FLOOR, 0)
        return np.asarray(share / share.sum(1, keepdims=True), np.float32)

    def sample(self, rng: np.random.Generator, n: int) -> Array:
        """Draw `n` pictures' worth of parameters [n, THETA]: near-pure kinds, blends, some truncated."""
        kinds, mean = len(self.kinds), self.mean()
        theta = np.zeros((n, len(mean)), np.float32)
        theta[:, kinds:] = rng.uniform(-1, 1, (n, len(self.knobs))) * self.ranges()
        first = rng.integers(kinds, size=n)
        second = (first + rng.integers(1, kinds, size=n)) % kinds
        share = np.where(rng.random(n) < self.blends, rng.uniform(0, 0.5, n), 0.06 * rng.random(n)).astype(np.float32)
        theta[np.arange(n), first] = 1 - share
        theta[np.arange(n), second] = share
        psi = np.where(rng.random(n) < self.truncated, rng.uniform(self.nearest, 1.0, n) ** 0.5, 1.0)
        return np.asarray(mean + psi.astype(np.float32)[:, None] * (theta - mean), np.float32)

    def ranges(self) -> Array:
        """How far from 0 `sample` takes each knob: [knobs]."""
        return np.array([self.pose_range if knob in self.pose else 1.0 for knob in self.knobs], np.float32)

    def mean(self) -> Array:
        """The mean of `sample`: a little of every kind, every other number at its usual. [THETA]"""
        mean = np.zeros(len(self.kinds) + len(self.knobs), np.float32)
        mean[: len(self.kinds)] = 1 / len(self.kinds)
        return mean
