"""A named pipe that another program writes a film to: read without ever being stuck in it."""

from __future__ import annotations

import os
import select
import time
from pathlib import Path

POLL_SECONDS = 0.1  # longest wait for the writer; then the pipe looks whether it was stopped


class Pipe:
    """The reading end. ``read`` returns nothing once the writer has gone, or the pipe was stopped."""

    def __init__(self, path: Path) -> None:
        """OSError where it cannot be opened. No writer need be there yet."""
        self._file: int | None = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        self._begun = False  # whether a writer has written
        self._stopped = False

    def read(self, most: int) -> bytes:
        """Return what has been written, ``most`` bytes at the most; wait for it."""
        while self._file is not None and not self._stopped:
            ready, _, _ = select.select([self._file], [], [], POLL_SECONDS)
            if not ready:
                continue
            try:
                found = os.read(self._file, most)
            except BlockingIOError:
                continue
            except OSError:
                return b""
            if found or self._begun:
                self._begun = True
                return found
            time.sleep(POLL_SECONDS)  # nobody has opened the other end yet
        return b""

    def stop(self) -> None:
        """Let `read` return soon, from another thread."""
        self._stopped = True

    def close(self) -> None:
        """Close it, in the thread that reads; a second call does nothing."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)
