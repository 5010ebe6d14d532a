"""Where on the wall's clock a stream's samples belong."""

from __future__ import annotations

from collections import deque

SETTLE_SECONDS = 1.0  # arrivals this recent decide


class Timeline:
    """Maps stream seconds to monotonic seconds from when blocks arrived.

    A block comes when it is due or late, never early, so the earliest arrival of the last second
    tells the offset: bursts and late wake-ups do not shake it, drift and dropouts are followed.
    """

    def __init__(self) -> None:
        self._marks: deque[tuple[float, float]] = deque()  # (arrived, offset), offsets rising
        self.offset = 0.0  # add to stream seconds

    def mark(self, arrived: float, end: float) -> None:
        """Note that the samples up to ``end`` (stream seconds) were here at ``arrived`` (monotonic seconds)."""
        offset = arrived - end
        while self._marks and self._marks[-1][1] >= offset:
            self._marks.pop()
        self._marks.append((arrived, offset))
        while self._marks[0][0] < arrived - SETTLE_SECONDS:
            self._marks.popleft()
        self.offset = self._marks[0][1]

    def restart(self) -> None:
        """Forget: what comes next is a new stream."""
        self._marks.clear()
