"""A file that grows line by line while a show plays: the trace and the gesture log.

A line is on its way to the disk at once, so a crash leaves all lines but the last. A disk that is full ends the file,
after its last whole line, and not the show. A pipe that nobody reads fast enough loses lines, and holds nobody up.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from engine.borders.errors import UserError
from engine.system.part_file import lock


class LineFile:
    """A text file to which lines are appended."""

    def __init__(self, path: Path, what: str, tell: Callable[[str], None] | None, anew: bool = True) -> None:
        """Open ``path``, empty where ``anew``. UserError when it cannot be written or another run writes it.

        ``what`` names it, as in "the trace". ``tell`` gets a line when it ends early; without it that is a UserError.
        """
        self.path, self._what, self._tell = path, what, tell
        self._handle: int | None = None
        self._rest, self._left_out = b"", 0  # the end of a line that a pipe has half taken; lines that it did not take
        at_once = getattr(os, "O_NONBLOCK", 0)  # a pipe's opening would wait for its reader
        try:
            handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | at_once, 0o666)
        except OSError as error:
            reason = "nobody reads this pipe; start its reader first" if error.errno == errno.ENXIO else error.strerror
            raise UserError(f"{path}: cannot write {what}: {reason}") from error
        self._plain = stat.S_ISREG(os.fstat(handle).st_mode)  # not a pipe or a device
        if tell is None and at_once:
            os.set_blocking(handle, True)  # no show: the reader gets every line
        if self._plain and lock(handle) is False:
            os.close(handle)
            raise UserError(f"{path}: another show writes {what} there: name another file")
        if self._plain and anew:
            os.ftruncate(handle, 0)
        self._length = os.fstat(handle).st_size
        self._handle = handle

    def write(self, line: str) -> bool:
        """Append a line; return whether the file still grows."""
        if self._handle is None:
            return False
        whole = line.encode("utf-8", "surrogateescape") + b"\n"
        try:
            if not self._take(self._handle, whole):
                self._left_out += 1
                if self._left_out == 1 and self._tell is not None:
                    self._tell(f"{self.path}: is not read fast enough: lines of {self._what} are left out")
        except OSError as error:
            self._end(error)
            return False
        self._length += len(whole)
        return True

    def _take(self, handle: int, line: bytes) -> bool:
        """Write a line behind the end of the one before; return False where a full pipe takes nothing of it."""
        self._rest = _written(handle, self._rest)
        if self._rest:
            return False
        rest = _written(handle, line)
        if len(rest) == len(line):
            return False
        self._rest = rest  # its end comes later
        return True

    def _end(self, error: OSError) -> None:
        """Give the file up after its last whole line."""
        handle, self._handle = self._handle, None
        if handle is not None:
            try:
                if self._plain:
                    os.ftruncate(handle, self._length)
                os.close(handle)
            except OSError:
                pass  # what is on the disk stays
        line = f"{self.path}: {self._what} ends here: {error.strerror}"
        if self._tell is None:
            raise UserError(line) from error
        self._tell(line)

    def close(self) -> None:
        """Flush the file to the disk; a second call does nothing."""
        handle, self._handle = self._handle, None
        if handle is None:
            return
        try:
            if self._plain:
                os.fsync(handle)
        except OSError as error:
            line = f"{self.path}: the end of {self._what} was not written: {error.strerror}"
            if self._tell is None:
                raise UserError(line) from error
            self._tell(line)
        finally:
            os.close(handle)


def _written(handle: int, data: bytes) -> bytes:
    """Write what an open file takes at once; return what it does not."""
    try:
        while data:
            data = data[os.write(handle, data) :]
    except BlockingIOError:  # a pipe is full
        pass
    return data
