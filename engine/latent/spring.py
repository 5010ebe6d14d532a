"""A damped spring from the point on the path to w: w follows, overshoots and settles."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Spring:
    """Follows a target of any shape: x'' = stiffness (target - x) - 2 damping sqrt(stiffness) x'.

    The equation is solved in closed form from tick to tick, as a harmonic oscillator whose target moves evenly
    between two ticks. So 30 and 60 frames a second give the same motion, and every stiffness is stable.
    """

    def __init__(self) -> None:
        self._x: Array | None = None
        self._velocity: Array = np.zeros(())
        self._target: Array = np.zeros(())

    def __call__(self, target: Array, stiffness: float, damping: float, dt: float, cut: bool = False) -> Array:
        """Move on by ``dt`` seconds and return x, in the shape of ``target``.

        ``stiffness`` is in 1/s^2; with 0, x is the target. ``damping`` is a ratio; 1 is critical. ``cut`` says that
        the target jumped since the last tick instead of moving.
        """
        start = target if cut or self._x is None else self._target
        drift = (target - start) / dt if dt > 0.0 else np.zeros_like(target)
        self._target = target
        if self._x is None or stiffness <= 0.0:
            self._x, self._velocity = target, drift
            return target
        if dt <= 0.0:
            return self._x
        a, b, c, d = _oscillator(math.sqrt(stiffness), damping, dt)
        lag = (2.0 * damping / math.sqrt(stiffness)) * drift  # the steady distance behind an even motion
        gap, speed = self._x - start + lag, self._velocity - drift
        self._x = target - lag + a * gap + b * speed
        self._velocity = drift + c * gap + d * speed
        return self._x


def _oscillator(omega: float, damping: float, dt: float) -> tuple[float, float, float, float]:
    """Return (a, b, c, d): a free damped oscillator at x, v is at a x + b v, c x + d v after ``dt`` seconds."""
    rate = damping * omega
    if abs(damping - 1.0) < 1e-4:
        decay = math.exp(-omega * dt)
        return decay * (1.0 + omega * dt), decay * dt, -decay * omega * omega * dt, decay * (1.0 - omega * dt)
    if damping < 1.0:
        swing = omega * math.sqrt(1.0 - damping * damping)
        decay = math.exp(-rate * dt)
        c, s = decay * math.cos(swing * dt), decay * math.sin(swing * dt) / swing
    else:
        swing = omega * math.sqrt(damping * damping - 1.0)
        slow, fast = math.exp((swing - rate) * dt), math.exp((-swing - rate) * dt)
        c, s = 0.5 * (slow + fast), 0.5 * (slow - fast) / swing
    return c + rate * s, s, -omega * omega * s, c - rate * s
