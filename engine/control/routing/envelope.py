"""Attack and release in seconds: a one-pole follower solved exactly between two moments.

Solving it in closed form, instead of stepping it once a frame, gives the same curve at 30, 60 and
120 frames a second (a one-pole RC envelope; Zölzer, DAFX, chapter 4).
"""

from __future__ import annotations

import math


class Envelope:
    """Follows a value that is constant between steps, up in ``attack`` and down in ``release`` seconds.

    The times are the one-pole's time constants (63 % of the way); 0 follows at once.
    """

    __slots__ = ("attack", "release", "value")

    def __init__(self, attack: float = 0.0, release: float = 0.0, value: float = 0.0) -> None:
        self.attack = attack
        self.release = release
        self.value = value

    def strike(self, level: float) -> None:
        """Jump up to ``level`` now; what follows is the release."""
        self.value = max(self.value, level)

    def advance(self, target: float, seconds: float) -> float:
        """Follow ``target`` for ``seconds``; return the mean on the way, leaving ``value`` at the end."""
        tau = self.attack if target > self.value else self.release
        if tau <= 0.0 or seconds <= 0.0:
            self.value = target if tau <= 0.0 else self.value
            return self.value
        gap = self.value - target
        decay = math.exp(-seconds / tau)
        self.value = target + gap * decay
        return target + gap * tau / seconds * (1.0 - decay)
