"""The lines that the program prints for the performer, on stderr, without waiting for the reader.

A pipe that nobody reads is full after 64 KB, and then a write to it waits for ever. So a thread writes the lines, and
lines are dropped and counted when it is too slow. What libraries say during a show comes as lines, too. Standard
library only.
"""

from __future__ import annotations

import os
import queue
import re
import sys
import threading
import time
from contextlib import suppress

from engine.system.foreign import Foreign

MAX_WAITING = 200  # lines; the queue's length, further lines are dropped
END_SECONDS = 1.0  # for the last lines; then they are dropped
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # what a terminal obeys, but for tabs and line ends


class Voice:
    """Prints lines to stderr; from ``begin`` to ``end`` a thread does so."""

    def __init__(self) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue(MAX_WAITING)
        self._thread: threading.Thread | None = None
        self._dropped = 0
        self.foreign = Foreign(self.say)

    def say(self, line: str) -> None:
        """Print one line, at once or soon. Any thread may call this.

        What a name from outside holds for the terminal (an OSC address that clears it) is written out, not obeyed.
        """
        self.write(f"{CONTROLS.sub(_written_out, line)}\n")

    def write(self, text: str) -> None:
        """Print text, at once or soon. Any thread may call this."""
        if self._thread is None:
            with suppress(OSError, ValueError, AttributeError):  # the reader is gone, or there is no stderr
                sys.stderr.write(text)
                sys.stderr.flush()
            return
        try:
            self._lines.put_nowait(text)
        except queue.Full:
            self._dropped += 1

    def begin(self, foreign: bool = False) -> None:
        """Write in a thread from now on, to a copy of stderr's descriptor: a library may silence the original.

        With ``foreign`` what libraries write is heard as well, until ``end``.
        """
        if self._thread is None:
            try:
                sys.stderr.flush()
                out, encoding = os.dup(sys.stderr.fileno()), sys.stderr.encoding
            except (OSError, ValueError, AttributeError):  # the process has no stderr, or it is no file
                return
            # The thread writes to the descriptor: a blocked write to sys.stderr would hold its lock, and the
            # interpreter waits for that lock when it exits.
            self._thread = threading.Thread(target=self._write, args=(out, encoding), name="voice", daemon=True)
            self._thread.start()
        if foreign:
            self.foreign.begin()

    def end(self) -> None:
        """Wait up to END_SECONDS until all is written, then print directly again; a stuck reader gets no more lines."""
        if self._thread is None:
            return
        self.foreign.end()
        give_up = time.monotonic() + END_SECONDS
        with suppress(queue.Full):
            self._lines.put(None, timeout=END_SECONDS)
        self._thread.join(max(0.0, give_up - time.monotonic()))
        if not self._thread.is_alive():
            self._thread = None

    def _write(self, out: int, encoding: str) -> None:
        """Write what is said; this is the thread."""
        while (text := self._lines.get()) is not None:
            if dropped := self._dropped:
                self._dropped -= dropped
                text = f"({dropped} lines are left out here: they were not read in time)\n{text}"
            rest = text.encode(encoding, errors="backslashreplace")
            try:
                while rest:
                    rest = rest[os.write(out, rest) :]
            except OSError:  # the reader is gone
                continue
        os.close(out)


def _written_out(control: re.Match[str]) -> str:
    return control[0].encode("unicode_escape").decode("ascii")
