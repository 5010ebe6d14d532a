"""Follows timecode: readings that jitter, drop out and jump become one clock that runs.

A reading near the place where the clock is expected pulls it there a little. One that is elsewhere counts when a second
one agrees with it. Without readings the clock runs on for a while, and then stands where the last reading was.
"""

from __future__ import annotations

from collections import deque

from engine.borders.timecode import Rate, Reading, Timecode

NEAR_FRAMES = 1.5  # a reading as near as that is no jump
PULL, PULLS = 0.1, 10  # share of its error that a reading corrects; after so many the mean of all is no better
AGREE_SECONDS = 0.5  # s; two readings that agree on a jump are no further apart
LATE_SECONDS = 0.25  # s; the clock freewheels after that
FREEWHEEL_SECONDS = 5.0  # s; then it stands
WAITING = 4096  # readings; a show that stalls keeps no more


class Chase:
    """The clock of a sender. Other threads `put` readings; one thread asks for the time."""

    def __init__(self) -> None:
        self._waiting: deque[Reading] = deque(maxlen=WAITING)
        self._last: Reading | None = None  # the last that counted
        self._candidate: Reading | None = None
        self._position, self._time = 0.0, 0.0  # seconds of timecode, and the monotonic seconds of that
        self._count = 0  # readings since the last jump

    def put(self, reading: Reading) -> None:
        """Take a reading."""
        self._waiting.append(reading)

    def at(self, time: float) -> Timecode | None:
        """Return where the clock is at ``time`` (monotonic seconds); None before the sender was understood."""
        while self._waiting:
            self._hear(self._waiting.popleft())
        last = self._last
        if last is None:
            return None
        gap = time - last.time
        if last.direction == 0 or gap > FREEWHEEL_SECONDS:
            return Timecode(_seconds(last), last.rate, "stands")
        state = "freewheels" if gap > LATE_SECONDS else "runs"
        return Timecode(self._expected(time, last) % _day(last.rate), last.rate, state)

    def _hear(self, reading: Reading) -> None:
        last = self._last
        if reading.direction == 0:
            if last is None or last.direction == 0 or not self._is_near(reading, self._expected(reading.time, last)):
                self._jump(reading)
            return
        if last is not None and last.direction == reading.direction and last.rate == reading.rate:
            expected = self._expected(reading.time, last)
            if reading.time - last.time <= FREEWHEEL_SECONDS and self._is_near(reading, expected):
                self._count = min(self._count + 1, PULLS)
                pull = max(PULL, 1.0 / (self._count + 1))
                self._position, self._time = expected + pull * _off(reading, expected), reading.time
                self._last, self._candidate = reading, None
                return
        before, self._candidate = self._candidate, reading
        if before is not None and before.rate == reading.rate and before.direction == reading.direction:
            passed = reading.time - before.time
            if passed <= AGREE_SECONDS and self._is_near(reading, _seconds(before) + reading.direction * passed):
                self._jump(reading)

    def _jump(self, reading: Reading) -> None:
        self._last, self._candidate, self._count = reading, None, 0
        self._position, self._time = _seconds(reading), reading.time

    def _expected(self, time: float, last: Reading) -> float:
        return self._position + last.direction * (time - self._time)

    @staticmethod
    def _is_near(reading: Reading, expected: float) -> bool:
        return abs(_off(reading, expected)) * float(reading.rate.fps) <= NEAR_FRAMES


def _seconds(reading: Reading) -> float:
    return reading.frame / float(reading.rate.fps)


def _day(rate: Rate) -> float:
    return float(rate.day / rate.fps)


def _off(reading: Reading, expected: float) -> float:
    """Return the seconds from ``expected`` to a reading, the short way round the day."""
    day = _day(reading.rate)
    return (_seconds(reading) - expected + day / 2.0) % day - day / 2.0
