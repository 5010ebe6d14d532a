"""The folder of `--inbox`: says which pictures have come, each when it no longer grows, and what is none.

What lay there before the show is left alone. Hidden files and a browser's unfinished downloads are not looked at.
"""

from __future__ import annotations

import stat
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.borders.errors import Trouble

LOOK_PERIOD = 1.0  # s between two looks
STILL_SECONDS = 2.0  # s; a file must stay unchanged before it is read
EMPTY_SECONDS = 10.0  # s; a file that stays empty for longer is refused
UNFINISHED = (".part", ".crdownload", ".download", ".tmp", "~")  # ends of names of what is still being written

Stamp = tuple[int, int, int, int]  # inode, size, and the times of the last changes, in ns


@dataclass(slots=True)
class _Entry:
    stamp: Stamp
    since: float  # s; monotonic: it has had the stamp since then
    told: bool = False  # taken or refused as it is now


class Inbox:
    """Watches a folder in a thread of its own; `arrived` never waits."""

    def __init__(self, folder: Path, notify: Callable[[str], None]) -> None:
        """``notify`` gets lines for the performer, from another thread."""
        self._folder, self._notify = folder, notify
        self._found: deque[Path] = deque()
        self._closed = threading.Event()
        self._known = {path: _Entry(stamp, 0.0, told=True) for path, stamp, _ in _look(folder)}
        threading.Thread(target=self._watch, name="inbox", daemon=True).start()

    def arrived(self) -> tuple[Path, ...]:
        """Return what has come since the last call."""
        return tuple(self._found.popleft() for _ in range(len(self._found)))

    def close(self) -> None:
        """Look no further."""
        self._closed.set()

    def _watch(self) -> None:
        while not self._closed.wait(LOOK_PERIOD):
            self.look(time.monotonic())

    def look(self, now: float) -> None:
        """Look once, at ``now`` (s, monotonic)."""
        seen = set[Path]()
        for path, stamp, mode in _look(self._folder):
            seen.add(path)
            entry = self._known.get(path)
            if entry is None or entry.stamp != stamp:
                # A folder's stamp changes with each file in it: it is refused once.
                again = entry is not None and entry.told and stat.S_ISDIR(mode)
                self._known[path] = _Entry(stamp, now, told=again)
            elif not entry.told and now - entry.since >= (STILL_SECONDS if stamp[1] else EMPTY_SECONDS):
                entry.told = True
                self._take(path, stamp, mode)
        for gone in self._known.keys() - seen:
            del self._known[gone]

    def _take(self, path: Path, stamp: Stamp, mode: int) -> None:
        if stat.S_ISDIR(mode):
            self._notify(Trouble(f"{path}: this is a folder: put the pictures themselves into {self._folder}"))
        elif not stat.S_ISREG(mode):
            self._notify(Trouble(f"{path}: this is no file: put a PNG, JPEG, WebP or another photograph there"))
        elif not stamp[1]:
            self._notify(Trouble(f"{path}: this file is empty: copy the picture again"))
        else:
            self._found.append(path)


def stamp_of(path: Path) -> Stamp | None:
    """Return what changes when a file does; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _look(folder: Path) -> list[tuple[Path, Stamp, int]]:
    """Return what lies in a folder, with its stamp and mode; nothing where it cannot be read."""
    found: list[tuple[Path, Stamp, int]] = []
    try:
        for path in sorted(folder.iterdir()):
            if path.name.startswith(".") or path.name.lower().endswith(UNFINISHED):
                continue
            try:
                held = path.stat()
            except OSError:  # a link that leads nowhere or round in a circle, or it has just gone
                continue
            # What is no regular file has no size that would say whether it is there yet.
            size = held.st_size if stat.S_ISREG(held.st_mode) else 1
            found.append((path, (held.st_ino, size, held.st_mtime_ns, held.st_ctime_ns), held.st_mode))
    except OSError:
        return found
    return found
