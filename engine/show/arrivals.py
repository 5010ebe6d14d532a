"""What a frame should not wait for: a message, a key or an onset that has come since the last one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

LOOK_SECONDS = 0.001  # between looks at what cannot ring


class Arrivals:
    """Waits until something has come. Belongs to the loop's thread; any thread may ring the bell.

    MIDI, OSC and keys are looked at and not called back from: JACK would call from its realtime thread, which
    must not wait for Python's lock, and a flood of messages would take the lock from the loop once for each.
    """

    def __init__(self, bell: threading.Event, looks: Iterable[Callable[[], bool]]) -> None:
        """``bell`` is set while there is something that rang; each of ``looks`` tells whether something waits."""
        self._bell, self._looks = bell, tuple(looks)
        self._noted = False

    def have_come(self) -> bool:
        """Return whether something has come that nobody has read."""
        return self._bell.is_set() or any(look() for look in self._looks)

    def note(self) -> None:
        """Take that something was read that a frame must still see: the next `wait` ends at once."""
        self._noted = True

    def wait(self, seconds: float) -> bool:
        """Return True as soon as something has come, and False after ``seconds`` without."""
        noted, self._noted = self._noted, False
        end = time.monotonic() + seconds
        while not (noted or self.have_come()):
            left = end - time.monotonic()
            if left <= 0.0:
                return False
            self._bell.wait(min(left, LOOK_SECONDS))
        return True
