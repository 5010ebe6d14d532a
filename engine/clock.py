"""Time: a Tick a frame, from the wall, from a song's playback position, or from a fixed step.

Nothing else in the engine asks what time it is.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tick:
    """One frame's place in time: its index, seconds since the start, seconds since the last tick.

    The first tick has ``dt == 0``: nothing has moved yet, at any frame rate.
    """

    index: int
    time: float
    dt: float
