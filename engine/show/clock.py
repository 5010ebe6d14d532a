"""Time: a Tick a frame, from the wall, from a song's playback position, or from a fixed step.

The loop and all parts that move go by ticks; what measures or waits asks the machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from engine.borders.contracts import Playback
from engine.borders.tick import Tick

STOOD_SECONDS = 0.5  # s; a longer pause between two frames was no slow frame: the show's clock stood meanwhile,
STOOD_TIMES = 3.0  # if it was this many times longer than the frame before
SOON = 1e-6  # seconds; a sum of periods may miss the end by this rounding error


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
    """Ticks on the wall's time, at most ``fps`` of them a second; a late frame is dropped, never made up.

    A frame on time has its grid time. A late frame has the time at which it began.

    With ``listen`` a frame begins early when a CC or an onset arrives. It does not begin before the grid time of
    the previous frame, so there is at most one frame a period and the rate stays the same. An early frame keeps its
    grid time, so motion and the beat do not change. The CC or onset is seen half a period sooner in the mean. A
    second event in the same period waits for the next period. A loop that waits for its display or its generator
    has no time to listen, and no frame begins early.
    """

    def __init__(
        self,
        fps: float,
        seconds: float | None = None,
        running: Callable[[], bool] = lambda: True,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        listen: Callable[[float], object] | None = None,
        begins: float = 0.0,
    ) -> None:
        """Stops after ``seconds`` (None: never) or when ``running`` says so; its first tick is at ``begins`` seconds.

        ``listen`` waits as many seconds as it is told, or until something has arrived.
        """
        self._period = 1.0 / fps
        self._seconds = seconds
        self._running = running
        self._now = now
        self._sleep = sleep
        self._listen = listen or sleep
        self._begins = begins
        self._start = now() - begins  # monotonic s at which the show's clock was 0

    def time(self) -> float:
        """Return the time on this clock now, seconds: a picture's that is drawn now."""
        return self._now() - self._start

    def __iter__(self) -> Iterator[Tick]:
        opens = due = self._now()
        start = self._start = opens - self._begins
        last = self._begins  # seconds on this clock, of the frame before
        step = took = self._period  # of that frame: what the show moved on by, and what passed on the wall
        index = 0
        while self._running():
            waited = self._wait(opens, due)
            now = self._now()
            kept = now < due + self._period
            at = due if waited and kept else now
            gap = at - start - last
            before, took = took, gap if index else took
            if index and gap > max(STOOD_SECONDS, STOOD_TIMES * before):
                start += gap - step  # the machine slept, or the process was stopped: so was the show
                self._start = start
            elif index:
                step = gap
            if self._seconds is not None and at - start >= self._seconds - SOON:
                return
            # Frames keep to one grid; after a late frame the grid starts anew, so no frame rushes.
            opens = due if kept else now
            due = opens + self._period
            yield Tick(index, at - start, at - start - last if index else 0.0, max(0.0, at - now))
            last = at - start
            index += 1

    def _wait(self, opens: float, due: float) -> bool:
        """Wait until a frame may begin, then until it must; return whether it was on time."""
        now = self._now()
        if now >= due:
            return False
        if now < opens:
            self._sleep(opens - now)
        self._listen(max(0.0, due - max(now, opens, self._now())))
        return True


class SongClock:
    """Ticks on a song's playback position, so the picture follows the sound and not the wall.

    A picture is shown some time after its tick, so the tick is set ahead by ``lead()`` seconds (how
    long a frame takes, as measured): what is heard and what is seen then meet.
    """

    def __init__(
        self,
        playback: Playback,
        pace: LiveClock,
        seconds: float | None = None,
        lead: Callable[[], float] = lambda: 0.0,
        begins: float = 0.0,
        draw: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """``pace`` says how often to look at ``playback``, which begins at ``begins`` seconds.

        It stops ``seconds`` after that (None: never). ``draw`` returns how long it takes to draw and show a picture.
        """
        self._draw = draw
        self._begins = begins
        self._playback = playback
        self._pace = pace
        self._seconds = seconds
        self._lead = lead

    def time(self) -> float:
        """Return the second of the song that is heard when a picture drawn now is seen."""
        return self._playback.position + self._draw()

    def __iter__(self) -> Iterator[Tick]:
        last = self._begins
        for beat in self._pace:
            position = self._playback.position
            if beat.index and self._seconds is not None and position - self._begins >= self._seconds:
                return  # a machine that is slow to begin has shown one picture
            now = max(last, position + self._lead())
            yield Tick(beat.index, now, now - last if beat.index else 0.0)
            last = now
