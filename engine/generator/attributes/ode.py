"""An ordinary differential equation dx/dt = f(t, x), solved by the classic Runge-Kutta method of order 4."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Slope = Callable[[float, Tensor], Tensor]
FIRST, MOST = 8, 1024  # steps at the beginning, and after the last halving
TOLERANCE = 1e-6  # of x, relative to its largest number


def integrate(slope: Slope, x: Tensor, start: float, end: float, steps: int) -> Tensor:
    """Return x at ``end`` of x at ``start``, in equal ``steps``. Gradients pass; end < start goes back."""
    h = (end - start) / steps
    for i in range(steps):
        t = start + i * h
        k1 = slope(t, x)
        k2 = slope(t + h / 2, x + h / 2 * k1)
        k3 = slope(t + h / 2, x + h / 2 * k2)
        k4 = slope(t + h, x + h * k3)
        x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return x


def solve(slope: Slope, x: Tensor, start: float, end: float, tolerance: float = TOLERANCE) -> Tensor:
    """Return x at ``end``; the steps are halved until that changes the answer by less than ``tolerance``."""
    steps, answer = FIRST, integrate(slope, x, start, end, FIRST)
    while steps < MOST:
        steps *= 2
        finer = integrate(slope, x, start, end, steps)
        error, size = (finer - answer).abs().max(), finer.abs().max().clamp(min=1.0)
        answer = finer
        if bool(error <= tolerance * size) or not bool(torch.isfinite(error)):
            break
    return answer
