"""C's stderr, led to nowhere while sound and MIDI are looked for: their libraries write past Python's.

Standard library only.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class _Quiet:
    """How many threads want C's stderr quiet, and where it leads when none does."""

    lock = threading.Lock()
    wanted = 0
    saved: int | None = None


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Send the process's C-level stderr to nowhere meanwhile; ALSA and JACK write past Python's.

    Threads may overlap: the first in silences, the last out restores.
    """
    with suppress(OSError, ValueError, AttributeError):  # stderr may be closed or not a file
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
    """Lead stderr to nowhere; return where it led, or None in a process that has none."""
    try:
        saved = os.dup(2)
    except OSError:
        return None
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return saved
