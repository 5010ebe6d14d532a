"""Notices for the performer: lines about errors and changes in the last few seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from engine.borders.tick import Tick

SHOWN_SECONDS = 6.0  # for which a line is shown
MAX_LINES = 4  # lines that are shown at once, the newest ones
LOG_LINES = 100  # lines that the operator's log keeps


class Notices:
    """Shows each posted line for a few seconds. Any thread may post."""

    def __init__(self, *told: Callable[[str], object]) -> None:
        """``told`` are called with every line, in the loop's thread, when it is first shown."""
        self._told = told
        self._posted: deque[str] = deque()
        self._shown: deque[tuple[float, str]] = deque(maxlen=MAX_LINES)
        self.log: deque[tuple[float, str]] = deque(maxlen=LOG_LINES)  # (seconds of the show, line), newest last

    def post(self, line: str) -> None:
        """Show ``line`` from the next frame on."""
        self._posted.append(line)

    def rest(self) -> list[str]:
        """Return the lines that no frame has shown any more: what was posted in the last one, or while all closes."""
        return [self._posted.popleft() for _ in range(len(self._posted))]

    def __call__(self, tick: Tick) -> tuple[str, ...]:
        """Return the lines for ``tick``, oldest first."""
        while self._posted:
            line = self._posted.popleft()
            self._shown.append((tick.time, line))
            self.log.append((tick.time, line))
            for tell in self._told:
                tell(line)
        while self._shown and tick.time - self._shown[0][0] > SHOWN_SECONDS:
            self._shown.popleft()
        return tuple(line for _, line in self._shown) if self._shown else ()
