"""A file that is read again when it was saved: not before it has come to rest, for editors write in pieces.

A file that is half written, or empty because it is about to be written, is never taken for what was meant.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time as wall_time
from pathlib import Path

from engine.system.last_good import last_good

REST_SECONDS = 0.5  # s; a file that has not changed for this long is read
SHORT_SECONDS = 2.0  # s; the same for one that is shorter than it was: perhaps its end is still to come

Stamp = tuple[int, int, int]  # nanoseconds, bytes, inode


class WatchedFile:
    """A file, the state in which it was read last, and whether it has come to rest in another one."""

    def __init__(self, path: Path | None, read: bool = True) -> None:
        """``read``: the file was read, as it is or as it was good. None as ``path`` is a file that never changes."""
        self.path = path
        as_it_is = read and not (path is not None and last_good.instead(path))
        self._taken = stamp(path) if as_it_is else None
        self._seen: Stamp | None = None
        self._since = 0.0  # seconds on the caller's clock at which that state was seen first

    def saved(self, time: float) -> bool:
        """Return whether there is another state than the one that was read, and it is whole as far as one can tell.

        ``time`` is seconds on any clock. A file that is being replaced is gone for a moment, and is not saved.
        """
        found = stamp(self.path)
        if found is None or found == self._taken:
            self._seen = None
            return False
        if found != self._seen:
            age = max(0.0, wall_time.time() - found[0] / 1e9)  # s since it was written
            self._seen, self._since = found, time - age
        shorter = self._taken is not None and found[1] < self._taken[1]
        if self.path is None or time - self._since < (SHORT_SECONDS if shorter else REST_SECONDS):
            return False
        return found[1] > 0 and not is_open_for_writing(self.path)

    def take(self) -> None:
        """Count the file as read as it stands."""
        if self.path is not None:
            last_good.take(self.path)
        self._taken, self._seen = stamp(self.path), None

    @property
    def gone(self) -> bool:
        """Return whether there is no such file."""
        return stamp(self.path) is None


def stamp(path: Path | None) -> Stamp | None:
    """Return what changes when a file is written; None where there is no file."""
    if path is None:
        return None
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def is_open_for_writing(path: Path) -> bool:
    """Return whether a program has a file open to write it, as far as the system tells: Linux does, of local files."""
    if not sys.platform.startswith("linux"):
        return False
    import fcntl

    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            # A lease for reading is refused while somebody writes. Who opens the file while we have it waits until we
            # give it back, and the signal that tells us so is one that is ignored.
            fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
    return False
