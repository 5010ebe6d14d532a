"""Time: a Tick a frame, from the wall, from a song's playback position, or from a fixed step.

Nothing else in the engine asks what time it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tick:
    """One frame's place in time: its index, seconds since the start, seconds since the last tick.

    The first tick has ``dt == 0``: nothing has moved yet, at any frame rate.
    """

    index: int
    time: float
    dt: float


class FixedClock:
    """Evenly spaced ticks as fast as they are taken: render, bench and tests."""

    def __init__(self, fps: float, seconds: float | None = None) -> None:
        """``fps`` > 0 frames per second of stream time; stops after ``seconds`` (None: never)."""
        self._fps = fps
        self.frames = None if seconds is None else max(1, round(seconds * fps))

    def __iter__(self) -> Iterator[Tick]:
        index = 0
        while self.frames is None or index < self.frames:
            yield Tick(index, index / self._fps, 1.0 / self._fps if index else 0.0)
            index += 1


class LiveClock:
    """Ticks on the wall's time, at most ``fps`` of them a second; a late frame is dropped, never made up."""

    def __init__(
        self,
        fps: float,
        seconds: float | None = None,
        running: Callable[[], bool] = lambda: True,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Stops after ``seconds`` (None: never) or when ``running`` says so."""
        self._period = 1.0 / fps
        self._seconds = seconds
        self._running = running
        self._now = now
        self._sleep = sleep

    def __iter__(self) -> Iterator[Tick]:
        start = due = self._now()
        last = start
        index = 0
        while self._running():
            wait = due - self._now()
            if wait > 0.0:
                self._sleep(wait)
            now = self._now()
            # Frames keep to one grid; after a late one the grid starts anew instead of rushing.
            due = due + self._period if now < due + self._period else now + self._period
            if self._seconds is not None and now - start >= self._seconds:
                return
            yield Tick(index, now - start, now - last if index else 0.0)
            last = now
            index += 1


class SongClock:
    """Ticks on a song's playback position, so the picture follows the sound and not the wall.

    A picture is shown some time after its tick, so the tick is set ahead by ``lead()`` seconds (how
    long a frame takes, as measured): what is heard and what is seen then meet.
    """

    def __init__(
        self,
        position: Callable[[], float],
        pace: LiveClock,
        seconds: float | None = None,
        lead: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """``position`` in seconds, never running backwards; ``pace`` says how often to look at it."""
        self._position = position
        self._pace = pace
        self._seconds = seconds
        self._lead = lead

    def __iter__(self) -> Iterator[Tick]:
        last = 0.0
        for beat in self._pace:
            position = self._position()
            if self._seconds is not None and position >= self._seconds:
                return
            now = max(last, position + self._lead())
            yield Tick(beat.index, now, now - last if beat.index else 0.0)
            last = now
