"""Lines for the performer: what went wrong, or changed, in the last few seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from engine.borders.tick import Tick

SHOWN_SECONDS = 6.0
LINES = 4
KEPT = 100  # of all that was told, for the operator's log


class Notices:
    """Takes lines from anywhere, shows each for a few seconds. Posting is safe from any thread."""

    def __init__(self, *told: Callable[[str], object]) -> None:
        """``told`` get every line as well, in the loop's thread, when it is first shown."""
        self._told = told
        self._posted: deque[str] = deque()
        self._shown: deque[tuple[float, str]] = deque(maxlen=LINES)
        self.log: deque[tuple[float, str]] = deque(maxlen=KEPT)  # (seconds of the show, line), newest last

    def post(self, line: str) -> None:
        """Show ``line`` from the next frame on."""
        self._posted.append(line)

    def __call__(self, tick: Tick) -> tuple[str, ...]:
        """Return the lines to show at ``tick``, oldest first."""
        while self._posted:
            line = self._posted.popleft()
            self._shown.append((tick.time, line))
            self.log.append((tick.time, line))
            for tell in self._told:
                tell(line)
        while self._shown and tick.time - self._shown[0][0] > SHOWN_SECONDS:
            self._shown.popleft()
        return tuple(line for _, line in self._shown)
