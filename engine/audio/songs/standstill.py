"""Tells when this process stood still: after a suspend, or a SIGSTOP, a song goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Callable

STOOD_SECONDS = 1.0  # s; a longer time without a look was no slow frame,
STOOD_TIMES = 3.0  # if it was this many times longer than the longest of late
FADE = 0.9  # by which the longest of late shrinks from look to look


class Standstill:
    """Adds up the time in which the process stood, from looks that come several times a frame."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """``now`` returns seconds."""
        self._now = now
        self._looked: float | None = None
        self._longest = 0.0  # seconds between two looks

    def look(self) -> float:
        """Return the seconds since the look before if the process stood, else 0."""
        now = self._now()
        gap = 0.0 if self._looked is None else now - self._looked
        stood = gap > max(STOOD_SECONDS, STOOD_TIMES * self._longest)
        self._looked, self._longest = now, max(gap, FADE * self._longest)
        return gap if stood else 0.0
