"""The lines that the program prints for the performer, on stderr, without waiting for the reader.

A pipe that nobody reads is full after 64 KB, and then a write to it waits for ever. So a thread writes the lines during
a show, and lines are dropped when it is too slow. Standard library only.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from contextlib import suppress

MAX_WAITING = 200  # lines; the queue's length, further lines are dropped
END_SECONDS = 1.0  # for the last lines; then they are dropped


class Voice:
    """Prints lines to stderr; from ``begin`` to ``end`` a thread does so."""

    def __init__(self) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue(MAX_WAITING)
        self._thread: threading.Thread | None = None
        self._before = sys.stderr

    def say(self, line: str) -> None:
        """Print one line, at once or soon. Any thread may call this."""
        if self._thread is None:
            print(line, file=sys.stderr)
            return
        with suppress(queue.Full):
            self._lines.put_nowait(line)

    def begin(self) -> None:
        """Write in a thread from now on, to a copy of stderr's descriptor: `quiet_stderr` silences the original."""
        if self._thread is not None:
            return
        try:
            sys.stderr.flush()
            out = os.dup(sys.stderr.fileno())
        except (OSError, ValueError, AttributeError):  # the process has no stderr, or it is no file
            return
        self._before = sys.stderr
        sys.stderr = os.fdopen(out, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)
        # The thread writes to the descriptor: a blocked write to sys.stderr would hold its lock, and the interpreter
        # waits for that lock when it exits.
        self._thread = threading.Thread(target=self._write, args=(out,), name="voice", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Wait up to END_SECONDS until all is written, then print directly again; a stuck reader gets no more lines."""
        if self._thread is None:
            return
        give_up = time.monotonic() + END_SECONDS
        with suppress(queue.Full):
            self._lines.put(None, timeout=END_SECONDS)
        self._thread.join(max(0.0, give_up - time.monotonic()))
        if not self._thread.is_alive():
            self._thread, sys.stderr = None, self._before

    def _write(self, out: int) -> None:
        while (line := self._lines.get()) is not None:
            rest = f"{line}\n".encode(errors="replace")
            try:
                while rest:
                    rest = rest[os.write(out, rest) :]
            except OSError:  # the reader is gone
                continue
        os.close(out)
