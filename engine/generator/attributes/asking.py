"""A direction from a person's answers: which of two pictures shows more of it?

An answer is Bradley and Terry's (1952): the first w of a pair shows more with the probability sigmoid(b . (u1 - u2)),
u the w in the axes of its principal components, each of unit variance. b has a normal prior, which is a ridge, and is
found by Newton's method; the curvature at its place is its uncertainty (Laplace). The next pair is the one whose answer
tells most of b: where the model is least sure (Houlsby et al., arXiv:1112.5745, for a probit of the same slope).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
AXES = 32  # principal components at most
SHARE = 0.98  # of the variance of w that they hold
PRIOR = 0.05  # variance of b in each axis: an answer has noise of 1.8 of the same unit
PAIRS = 8000  # pairs that are looked at for the next question
ROUNDS = 30  # of Newton's method
RELEVANCE = 15  # rounds of finding which axes matter
ENOUGH = 40  # answers after which a direction is kept


class Asking:
    """The answers so far, and what to ask next."""

    def __init__(self, ws: Array, seed: int = 0) -> None:
        """``ws`` [n, w_dim] is the pool that pairs are drawn from."""
        self.ws = ws
        self.pairs: list[tuple[int, int]] = []
        self.answers: list[bool] = []  # the first of the pair shows more
        self._rng = np.random.default_rng(seed)
        centred = ws - ws.mean(axis=0)
        values, vectors = np.linalg.eigh(centred.T @ centred / max(1, len(centred) - 1))
        order = np.argsort(values)[::-1]
        held = np.cumsum(values[order]) / max(float(values.sum()), 1e-12)
        count = min(AXES, int(np.searchsorted(held, SHARE)) + 1, int((values > 1e-9 * values.max()).sum()))
        self.spread = np.sqrt(values[order[:count]])
        self.axes = vectors[:, order[:count]].T  # [k, w_dim]
        self.u = centred @ self.axes.T / self.spread  # [n, k]
        self._b, self._covariance = np.zeros(count), PRIOR * np.eye(count)

    def next(self) -> tuple[int, int]:
        """Return the pair to ask for: two places in the pool."""
        first, second = self._rng.integers(0, len(self.ws), (2, PAIRS))
        apart = self.u[first] - self.u[second]
        mean = apart @ self._b
        variance = np.einsum("nk,nk->n", apart @ self._covariance, apart)
        gain = _gain(mean, variance)
        gain[first == second] = -1.0
        best = int(np.argmax(gain))
        return int(first[best]), int(second[best])

    def tell(self, pair: tuple[int, int], first_shows_more: bool) -> None:
        """Learn from an answer."""
        self.pairs.append(pair)
        self.answers.append(first_shows_more)
        self._learn()

    def undo(self) -> None:
        """Forget the last answer, if there is one."""
        if self.pairs:
            self.pairs.pop()
            self.answers.pop()
            self._learn()

    def _learn(self) -> None:
        """Find the most probable b and its covariance."""
        self._b, self._covariance = _fit(self._told(), np.full(self.u.shape[1], PRIOR))

    def _told(self) -> Array:
        """Return what was told, a row for each answer: the one with more less the other, in u."""
        at = np.array(self.pairs, dtype=np.int64).reshape(-1, 2)
        apart = self.u[at[:, 0]] - self.u[at[:, 1]]
        return np.asarray(np.where(np.array(self.answers, dtype=bool)[:, None], apart, -apart))

    def _relevant(self) -> Array:
        """Return b with a prior for each axis, as wide as the answers need it: few axes matter (MacKay 1994)."""
        told, prior = self._told(), np.full(self.u.shape[1], PRIOR)
        b = self._b
        for _ in range(RELEVANCE):
            b, covariance = _fit(told, prior)
            prior = np.clip((b**2 + np.diag(covariance) + PRIOR) / 2.0, 0.02 * PRIOR, 20.0 * PRIOR)
        return b

    @property
    def sureness(self) -> float:
        """How sure the model is on the pairs of its pool: the mean probability of the likelier answer, 0.5..1."""
        first, second = np.random.default_rng(1).integers(0, len(self.ws), (2, 500))
        chance = 1.0 / (1.0 + np.exp(-np.abs((self.u[first] - self.u[second]) @ self._b)))
        return float(chance.mean())

    @property
    def normal(self) -> Array:
        """The unit normal [w_dim] of what was answered: b in the space of w."""
        normal = self.axes.T @ (self._relevant() / self.spread)
        return np.asarray(normal / max(float(np.linalg.norm(normal)), 1e-12))


def _fit(told: Array, prior: Array) -> tuple[Array, Array]:
    """Return the most probable b [k] and its covariance by Newton's method; ``prior`` [k] are variances."""
    b = np.zeros(len(prior))
    curvature = np.diag(1.0 / prior)
    for _ in range(ROUNDS):
        wrong = 1.0 / (1.0 + np.exp(np.clip(told @ b, -30, 30)))  # probability of the other answer
        curvature = (told * (wrong * (1.0 - wrong))[:, None]).T @ told + np.diag(1.0 / prior)
        step = np.linalg.solve(curvature, told.T @ wrong - b / prior)
        b = b + step
        if float(np.abs(step).max()) < 1e-8:
            break
    return b, np.asarray(np.linalg.inv(curvature), dtype=np.float64)


def _gain(mean: Array, variance: Array) -> Array:
    """Return the information, in bits, that an answer has of b: its entropy less the entropy that stays.

    The logistic is taken for a probit of variance 8/pi; Houlsby's closed form of the second term.
    """
    scaled = variance * np.pi / 8
    chance = 1.0 / (1.0 + np.exp(-mean / np.sqrt(1.0 + scaled)))
    chance = np.clip(chance, 1e-9, 1 - 1e-9)
    entropy = -chance * np.log2(chance) - (1 - chance) * np.log2(1 - chance)
    c2 = np.pi * np.log(2) / 2  # of a probit; here of the scaled argument
    a2, m2 = scaled, mean**2 * np.pi / 8
    stays = np.sqrt(c2 / (a2 + c2)) * np.exp(-m2 / (2 * (a2 + c2)))
    return np.asarray(entropy - stays)
