"""Where a tick lies on the machine's clock: other programs' clocks are read by that, ticks are the show's."""

from __future__ import annotations

import time
from collections.abc import Callable

from engine.borders.tick import Tick

STOOD_SECONDS = 0.25  # s; by which the show's clock falls behind the machine's when it has stood


class StageTime:
    """Knows the monotonic second at which the show's clock was 0. Ask it once a frame, as its tick comes."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._origin = float("inf")

    def at(self, tick: Tick) -> float:
        """Return the monotonic seconds of ``tick``.

        A tick comes a moment after its time, so the smallest difference is the truest. One that is much larger says
        that the show's clock has stood.
        """
        origin = self._now() + tick.early - tick.time
        self._origin = origin if origin > self._origin + STOOD_SECONDS else min(self._origin, origin)
        return self._origin + tick.time
