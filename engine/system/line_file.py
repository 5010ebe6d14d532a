"""A file that grows line by line while a show plays: the trace and the gesture log.

A line is on its way to the disk at once, so a crash leaves all lines but the last. A disk that is full ends the file,
after its last whole line, and not the show.
"""

from __future__ import annotations

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
        try:
            handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o666)
        except OSError as error:
            raise UserError(f"{path}: cannot write {what}: {error.strerror}") from error
        self._plain = stat.S_ISREG(os.fstat(handle).st_mode)  # not a pipe or a device
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
        rest = line.encode("utf-8", "surrogateescape") + b"\n"
        self._length += len(rest)
        try:
            while rest:
                rest = rest[os.write(self._handle, rest) :]
        except OSError as error:
            self._length -= len(line.encode("utf-8", "surrogateescape")) + 1
            self._end(error)
            return False
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
