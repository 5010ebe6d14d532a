"""Work beside the show: what is built or fitted off the frame's thread, and what happens where that fails."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable

from engine.borders.errors import first_line
from engine.system import allocator

EXIT_SECONDS = 15.0  # seconds; the program's exit waits no longer for work that is under way


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

        thread = threading.Thread(target=guarded, name="improve generator", daemon=True)
        thread.start()
        self._threads.append(thread)
        # A thread that the interpreter cuts off inside a C++ library ends the process with an abort.
        atexit.register(thread.join, EXIT_SECONDS)

    def join(self, timeout: float | None = None) -> None:
        """Wait until everything that was started has ended."""
        for thread in self._threads:
            thread.join(timeout)
