"""The timeline of a stream: the moment at which each of its samples arrived."""

from __future__ import annotations

from collections import deque

WINDOW_SECONDS = 1.0  # age of the oldest arrival that the offset depends on


class Timeline:
    """Maps stream seconds to monotonic seconds by the arrivals of blocks.

    A block arrives on time or late, never early, so the earliest arrival of the last second gives the offset. It
    ignores bursts and late wake-ups, and follows drift and dropouts.
    """

    def __init__(self) -> None:
        self._marks: deque[tuple[float, float]] = deque()  # (arrived, offset), offsets rising
        self.offset = 0.0  # seconds; stream time + offset = monotonic time

    def mark(self, arrived: float, end: float) -> None:
        """Note that the samples up to ``end`` (stream seconds) arrived by ``arrived`` (monotonic seconds)."""
        offset = arrived - end
        while self._marks and self._marks[-1][1] >= offset:
            self._marks.pop()
        self._marks.append((arrived, offset))
        while self._marks[0][0] < arrived - WINDOW_SECONDS:
            self._marks.popleft()
        self.offset = self._marks[0][1]

    def restart(self) -> None:
        """Forget all arrivals: a new stream begins."""
        self._marks.clear()
