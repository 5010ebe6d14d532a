"""What libraries say during a show: a line each for the performer, and nobody waits for a reader.

Libraries in C write to the descriptors 1 and 2, those in Python to sys.stdout and sys.stderr, to loggers, to warnings
and in the tracebacks of their threads. All of it comes here: the descriptors lead into a pipe that a thread empties,
and a write into it never waits. Repetitions and floods are counted. Standard library only.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import logging
import os
import re
import select
import stat
import sys
import threading
import time
import types
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TextIO

from engine.borders.errors import Trouble, first_line

PIPE_BYTES = 1 << 20  # of the pipe; what is beyond is lost
READ_BYTES = 1 << 16
PAUSE_SECONDS = 0.02  # between two reads, so that a flood does not take the loop's time
MOST_LINES = 20  # a second; further ones are counted
AGAIN_SECONDS = 60.0  # s; before that a line that is repeated is counted
KNOWN = 200  # lines that are remembered for that
LONGEST = 300  # characters of a line
TRACEBACK = "Traceback (most recent call last)"
STANDARD = (1, 2)  # file descriptors


def open_standard() -> None:
    """Open the descriptors 0, 1 and 2 where the program was started without: else its next files would have them.

    A line that cannot be written in the terminal's encoding is written with escapes.
    """
    for number in (0, *STANDARD):
        try:
            os.fstat(number)
        except OSError:
            nothing = os.open(os.devnull, os.O_RDWR)
            if nothing != number:
                os.dup2(nothing, number)
                os.close(nothing)
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - it stays
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - it stays
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class Foreign:
    """Hears libraries between ``begin`` and ``end``."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        """``tell`` gets the lines, from any thread."""
        self._tells = [tell]
        self._known: OrderedDict[str, float] = OrderedDict()
        self._second, self._told, self._left_out = 0.0, 0, 0  # the present second, and what was told in it and left out
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def told_to(self, tell: Callable[[str], None]) -> Iterator[None]:
        """Tell ``tell`` while the block runs."""
        self._tells.append(tell)
        try:
            yield
        finally:
            self._tells.remove(tell)

    def line(self, text: str) -> None:
        """Tell a line of a library, unless it was told lately or there are too many. Any thread may call this."""
        line = " ".join(text.split())[:LONGEST]
        if not line:
            return
        now = time.monotonic()
        with self._lock:
            if now - self._second >= 1.0:
                self._second, self._told = now, 0
            before = self._known.get(line)
            if (before is not None and now - before < AGAIN_SECONDS) or self._told >= MOST_LINES:
                self._left_out += 1
                return
            self._known[line] = now
            while len(self._known) > KNOWN:
                self._known.popitem(last=False)
            self._told += 1
        self._tells[-1](Trouble(line) if isinstance(text, Trouble) else line)

    def begin(self) -> None:
        """Hear everything from now on."""
        if self._thread is not None:
            return
        self._saved = [os.dup(number) for number in STANDARD]
        self._read, write = os.pipe()
        os.set_blocking(write, False)
        with contextlib.suppress(ImportError, AttributeError, OSError):
            import fcntl

            fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._streams = sys.stdout, sys.stderr
        for number in STANDARD:
            os.dup2(write, number)
        os.close(write)
        sys.stdout, sys.stderr = Heard(self.line, 1), Heard(self.line, 2)
        self._hooks = threading.excepthook, sys.unraisablehook, warnings.showwarning, logging.lastResort
        threading.excepthook, sys.unraisablehook = self._thread_failed, self._unraisable
        warnings.showwarning, logging.lastResort = self._warned, _Logged(self.line)
        self._crash = None if faulthandler.is_enabled() else _unblocking(self._saved[1])
        if self._crash is not None:
            faulthandler.enable(self._crash)
        self._stop = os.pipe()
        self._thread = threading.Thread(target=self._drain, name="library words", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Hear no more, and put everything back."""
        if self._thread is None:
            return
        for number, saved in zip(STANDARD, self._saved, strict=True):
            os.dup2(saved, number)
            os.close(saved)
        sys.stdout, sys.stderr = self._streams
        threading.excepthook, sys.unraisablehook, warnings.showwarning, logging.lastResort = self._hooks
        if self._crash is not None:
            faulthandler.disable()
            os.close(self._crash)
        os.write(self._stop[1], b".")
        self._thread.join()
        self._thread = None
        for number in (self._read, *self._stop):
            os.close(number)
        if self._left_out:
            self._tells[-1](f"libraries: {self._left_out} more lines of theirs were left out")
            self._left_out = 0

    def _drain(self) -> None:
        """Empty the pipe; this is the thread."""
        lines, stopped = _Lines(self.line), False
        os.set_blocking(self._read, False)
        while True:
            if not stopped:
                stopped = self._stop[0] in select.select([self._read, self._stop[0]], [], [])[0]
            try:
                data = os.read(self._read, READ_BYTES)
            except BlockingIOError:
                data = b""
            if not data and stopped:
                break
            if self._told >= MOST_LINES and time.monotonic() - self._second < 1.0:
                self._left_out += data.count(b"\n")  # a flood is not read line by line
                lines.forget()
            else:
                lines.add(data.decode(errors="replace"))
            if not stopped:
                time.sleep(PAUSE_SECONDS)
        lines.close()

    def _thread_failed(self, failed: threading.ExceptHookArgs) -> None:
        name = failed.thread.name if failed.thread is not None else "?"
        if failed.exc_value is not None and not isinstance(failed.exc_value, SystemExit):
            self.line(Trouble(f"thread {name!r} ended: {_where(failed.exc_value)}"))

    def _unraisable(self, failed: sys.UnraisableHookArgs) -> None:
        if failed.exc_value is not None:
            self.line(Trouble(f"{failed.err_msg or 'ignored'} in {failed.object!r}: {_where(failed.exc_value)}"))

    def _warned(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        self.line(f"{os.path.basename(filename)}:{lineno}: {category.__name__}: {message}")


class Heard(io.TextIOBase):
    """A stream whose lines are told. Nothing that is written to it waits or fails."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, tell: Callable[[str], None], number: int) -> None:
        """``number`` is the file descriptor that it stands for."""
        super().__init__()
        self._lines, self._number = _Lines(tell), number

    def write(self, text: str) -> int:
        """Tell the lines that end in ``text``."""
        self._lines.add(str(text))
        return len(text)

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the descriptor of the stream in whose place this one is."""
        return self._number

    def isatty(self) -> bool:
        """Return False: nothing is drawn here."""
        return False


class _Lines:
    """Puts lines together, and makes one of a traceback: its last."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._rest, self._traced = "", False
        self._halved = False  # whether the next text begins within a line whose beginning was left out
        self._last_told = False  # whether a line was told that an indented one may belong to
        self._lock = threading.Lock()

    def add(self, text: str) -> None:
        """Tell the lines that end in ``text``. An indented line belongs to the one before and is left out."""
        with self._lock:
            *lines, rest = re.split(r"\r\n|\n|\r", self._rest + text)
            self._rest = rest[-READ_BYTES:]
            if lines and self._halved:
                del lines[0]
                self._halved = False
            for line in lines:
                if line.startswith(TRACEBACK):
                    self._traced = True
                elif line[:1] not in (" ", "\t") or (not self._traced and not self._last_told):
                    self._traced = False
                    self._last_told = bool(line.strip())
                    self._tell(line)

    def forget(self) -> None:
        """Leave out what was not told, and the line that comes now."""
        with self._lock:
            self._rest, self._traced, self._halved = "", False, True

    def close(self) -> None:
        """Tell a line that has no end."""
        with self._lock:
            rest, self._rest = self._rest, ""
            self._tell(rest)


class _Logged(logging.Handler):
    """Tells what is logged where nobody has set a logger up."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Tell a record in one line."""
        with contextlib.suppress(Exception):  # a record whose arguments do not fit its text
            error = record.exc_info[1] if record.exc_info else None
            self._tell(f"{record.name}: {record.getMessage()}{f': {_where(error)}' if error is not None else ''}")


def _where(error: BaseException) -> str:
    """Return what an error says, and the line of code that raised it."""
    last: types.TracebackType | None = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    place = f" ({os.path.basename(last.tb_frame.f_code.co_filename)}:{last.tb_lineno})" if last is not None else ""
    return f"{type(error).__name__}: {first_line(error)}{place}"


def _unblocking(number: int) -> int | None:
    """Return another descriptor of the same file, to which a write does not wait; None where there is none."""
    try:
        if stat.S_ISREG(os.fstat(number).st_mode):
            return os.dup(number)
        return os.open(f"/proc/self/fd/{number}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return None
