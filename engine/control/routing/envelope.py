"""Attack and release in seconds: a one-pole follower solved exactly between two moments.

Solving it in closed form, instead of stepping it once a frame, gives the same curve at 30, 60 and
120 frames a second (a one-pole RC envelope; Zölzer, DAFX, chapter 4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import repeat


class Envelope:
    """Follows a value that is constant between steps, up in ``attack`` and down in ``release`` seconds.

    The times are the one-pole's time constants (63 % of the way); 0 follows at once.
    """

    __slots__ = ("attack", "release", "value")

    def __init__(self, attack: float = 0.0, release: float = 0.0, value: float = 0.0) -> None:
        self.attack = attack
        self.release = release
        self.value = value

    @property
    def at_once(self) -> bool:
        """Return whether the envelope is always where its target is."""
        return self.attack == self.release == 0.0

    def strike(self, level: float) -> None:
        """Jump up to ``level`` now; what follows is the release."""
        self.value = max(self.value, level)

    def advance(self, target: float, seconds: float) -> float:
        """Follow ``target`` for ``seconds``; return the mean on the way, leaving ``value`` at the end."""
        return self.follow((target,), (0.0, seconds))[0]

    def follow(
        self, targets: Sequence[float], moments: Sequence[float], struck: Sequence[bool] | None = None
    ) -> list[float]:
        """Follow ``targets``, one between each two of ``moments`` (seconds); return the mean on each way.

        ``struck`` says before which ways the envelope is struck to 1. One call a frame, however many ways.
        """
        value, means = self.value, []
        strikes = repeat(False) if struck is None else struck
        for target, start, end, strike in zip(targets, moments, moments[1:], strikes, strict=False):
            if strike and value < 1.0:
                value = 1.0
            seconds = end - start
            tau = self.attack if target > value else self.release
            if tau <= 0.0:
                value = target
                means.append(target)
            elif seconds <= 0.0:
                means.append(value)
            else:
                gap = value - target
                decay = math.exp(-seconds / tau)
                value = target + gap * decay
                means.append(target + gap * tau / seconds * (1.0 - decay))
        self.value = value
        return means
