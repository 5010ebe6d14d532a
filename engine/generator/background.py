"""Work beside the show: what is built or fitted off the frame's thread, and what happens where that fails."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable

from engine.borders.errors import first_line
from engine.system import allocator

EXIT_SECONDS = 15.0  # seconds; the program's exit waits no longer for work that is under way

_UNDER_WAY: set[threading.Thread] = set()  # a show of a night starts hundreds: those that have ended are let go of


@atexit.register
def _wait() -> None:
    """Wait for what is under way: a thread that is cut off inside a C++ library ends the process with an abort."""
    for thread in tuple(_UNDER_WAY):
        thread.join(EXIT_SECONDS)


class Background:
    """Threads that work beside the show; a failure becomes a note."""

    def __init__(self, note: Callable[[str], None]) -> None:
        """``note`` gets a line for the performer; it is called from the threads."""
        self._note = note
        self._threads: list[threading.Thread] = []

    def start(self, work: Callable[[], None], otherwise: str) -> None:
        """Do ``work`` off this thread; where it fails, note what happens ``otherwise``."""

        def guarded() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - compilers raise what they like, and the show goes on without
                self._note(f"{otherwise}: {first_line(error)}")
            allocator.give_back_soon()  # what was built from, and what the next frame takes the place of
            _UNDER_WAY.discard(thread)

        thread = threading.Thread(target=guarded, name="improve generator", daemon=True)
        _UNDER_WAY.add(thread)
        thread.start()
        self._threads.append(thread)

    def join(self, timeout: float | None = None) -> None:
        """Wait until everything that was started has ended."""
        for thread in self._threads:
            thread.join(timeout)
