"""Where a show hung: what each of its threads was at goes to a file before the supervisor ends it."""

from __future__ import annotations

import faulthandler
import signal
from pathlib import Path

SIGNAL = getattr(signal, "SIGUSR2", None)  # asks for it; a process in C code answers, too, a stopped one does not


def tell_where(path: Path, again: bool = False) -> None:
    """Write to ``path`` at every `SIGNAL`, after what is there where ``again``. Without the file nothing is written."""
    if SIGNAL is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a" if again else "w", encoding="utf-8")
    except OSError:
        return
    faulthandler.register(SIGNAL, file, all_threads=True)
