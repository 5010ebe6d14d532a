"""Time as it crosses borders: a Tick a frame."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tick:
    """One frame's place in time: its index, seconds since the start, seconds since the last tick.

    The first tick has ``dt == 0``: nothing has moved yet, at any frame rate. ``early`` is how many seconds
    before ``time`` the frame began (see LiveClock); of what is seen it changes nothing.
    """

    index: int
    time: float
    dt: float
    early: float = 0.0


REST = Tick(0, 0.0, 0.0)  # for a picture outside any show: nothing moves by itself
