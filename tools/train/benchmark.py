"""`python -m tools.train … --benchmark N`: pictures a second, and what the time of a step goes into. Saves nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from tools.train.training import Training

READ = "read"  # waiting for the next batch to be decoded


class Laps:
    """Adds up the seconds of each part of a step. On a GPU it waits for each, which a training does not."""

    def __init__(self, device: str) -> None:
        self._cuda = device == "cuda"
        self.begin()

    def _wait(self) -> None:
        if self._cuda:
            torch.cuda.synchronize()

    def begin(self) -> None:
        """Count from here on."""
        self._wait()
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def __call__(self, part: str) -> None:
        """Note that ``part`` has just been done."""
        self._wait()
        now = time.perf_counter()
        self.seconds[part] = self.seconds.get(part, 0.0) + now - self._last
        self._last = now


def measure(training: Training, take: Callable[[int], torch.Tensor], steps: int, laps: Laps) -> float:
    """Take ``steps`` steps after a first one, in which everything is run once; return pictures a second.

    ``take`` returns the batch after so many pictures. ``laps`` is the one that ``training`` tells its parts.
    """
    for step in range(steps + 1):
        if step == 1:
            laps.begin()
        real = take(training.images)
        laps(READ)
        training.step(real)
    return steps * training.recipe.batch / sum(laps.seconds.values())


def report(rate: float, laps: Laps, steps: int) -> list[str]:
    """Return the lines that say so, the longest part first."""
    whole = sum(laps.seconds.values())
    lines = [f"{rate:.1f} pictures a second, {1e3 * whole / steps:.1f} ms a step, mean of {steps} steps"]
    for part, seconds in sorted(laps.seconds.items(), key=lambda item: -item[1]):
        lines.append(f"{part:>12} {1e3 * seconds / steps:9.1f} ms {seconds / whole:7.1%}")
    return lines
