"""What the program says to the performer, on stderr, without ever waiting for whoever reads it.

A pipe that nobody reads is full after 64 KB, and writing to it waits for ever. In a show lines are therefore
written by a thread; where it cannot keep up they are dropped. Standard library only.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from contextlib import suppress

WAITING = 200  # lines that may wait to be written
LEAVING_SECONDS = 1.0  # that the last lines get


class Voice:
    """Says lines; from ``begin`` to ``end`` by a thread."""

    def __init__(self) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue(WAITING)
        self._thread: threading.Thread | None = None
        self._before = sys.stderr

    def say(self, line: str) -> None:
        """Write one line, at once or soon. Safe from any thread."""
        if self._thread is None:
            print(line, file=sys.stderr)
            return
        with suppress(queue.Full):
            self._lines.put_nowait(line)

    def begin(self) -> None:
        """Never wait for the reader from now on, and go a way apart from C's stderr, which is silenced at times."""
        if self._thread is not None:
            return
        try:
            sys.stderr.flush()
            out = os.dup(sys.stderr.fileno())
        except (OSError, ValueError, AttributeError):  # a process without stderr, or one that is no file
            return
        self._before = sys.stderr
        sys.stderr = os.fdopen(out, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)
        # The thread writes past that stream: whoever hangs in it has a lock that leaving the program needs.
        self._thread = threading.Thread(target=self._write, args=(out,), name="voice", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Wait a moment until all is written, and say the rest at once again; of a stuck reader's nothing more."""
        if self._thread is None:
            return
        give_up = time.monotonic() + LEAVING_SECONDS
        with suppress(queue.Full):
            self._lines.put(None, timeout=LEAVING_SECONDS)
        self._thread.join(max(0.0, give_up - time.monotonic()))
        if not self._thread.is_alive():
            self._thread, sys.stderr = None, self._before

    def _write(self, out: int) -> None:
        while (line := self._lines.get()) is not None:
            rest = f"{line}\n".encode(errors="replace")
            try:
                while rest:
                    rest = rest[os.write(out, rest) :]
            except OSError:  # the reader has gone
                continue
        os.close(out)
