"""The process's C-level stderr, silenced while sound and MIDI devices are opened.

The libraries of sound and MIDI write to it directly, past Python's sys.stderr. Standard library only.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class _Quiet:
    """The number of threads that silence C's stderr, and its original target."""

    lock = threading.Lock()
    wanted = 0  # threads
    saved: int | None = None  # file descriptor


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Send the process's C-level stderr to the null device while the block runs.

    Several threads may do so at once: the first one silences stderr, and the last one restores it.
    """
    with suppress(OSError, ValueError, AttributeError):  # stderr may be closed, None or no file
        sys.stderr.flush()
    with _Quiet.lock:
        _Quiet.wanted += 1
        if _Quiet.wanted == 1:
            _Quiet.saved = _silence()
    try:
        yield
    finally:
        with _Quiet.lock:
            _Quiet.wanted -= 1
            if _Quiet.wanted == 0 and _Quiet.saved is not None:
                os.dup2(_Quiet.saved, 2)
                os.close(_Quiet.saved)
                _Quiet.saved = None


def _silence() -> int | None:
    """Send stderr to the null device; return a descriptor of its target, or None in a process without stderr."""
    try:
        saved = os.dup(2)
    except OSError:
        return None
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return saved
