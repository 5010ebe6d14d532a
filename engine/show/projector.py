"""Projects pictures while a show plays: one after the other, in a process of its own that yields to everything.

The process is `vj project` with one thread and at idle priority, so its memory goes back when it ends, and what breaks
it costs a line. A folder (`--inbox`) is looked at once a second; a picture is taken when it no longer grows.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.borders.errors import Trouble

SECONDS = 90  # of looking for a picture's place
LOOK_PERIOD = 1.0  # s between two looks into the inbox
MOST_WAITING = 200  # pictures; more are refused
LARGEST = 400_000_000  # bytes of a picture; a larger file is refused
IDLE = 19  # niceness


@dataclass(frozen=True, slots=True)
class Placed:
    """A picture whose place was found: the picture's file, that of its ws, that of its thumbnail, and the model."""

    picture: Path
    ws: Path
    thumbnail: Path
    model: str


class Projector:
    """A queue of pictures and the process that works on it. `take` and `ready` are for the loop; neither waits."""

    def __init__(self, folder: Path, inbox: Path | None, notify: Callable[[str], None], seconds: int = SECONDS) -> None:
        """``folder`` gets the results; ``notify`` gets lines for the performer, from another thread."""
        self._folder, self._inbox, self._notify, self._seconds = folder, inbox, notify, seconds
        self._waiting: queue.Queue[tuple[Path, str, tuple[str, ...]] | None] = queue.Queue(MOST_WAITING)
        self._done: deque[Placed] = deque()
        self._found: deque[Path] = deque()
        self._known: dict[str, Placed] = {}
        self._state = ""
        self._process: subprocess.Popen[str] | None = None
        self._closed = threading.Event()
        self._worker = threading.Thread(target=self._work, name="projector", daemon=True)
        self._worker.start()
        if inbox is not None:
            threading.Thread(target=self._look, name="inbox", daemon=True).start()

    def take(self, picture: Path, model: str, assume: tuple[str, ...] = ()) -> None:
        """Let a picture be projected into a model."""
        try:
            self._waiting.put_nowait((picture, model, assume))
        except queue.Full:
            self._notify(Trouble(f"{picture}: {MOST_WAITING} pictures wait already: drop it again later"))

    def arrived(self) -> tuple[Path, ...]:
        """Return what has come into the inbox since the last call."""
        return tuple(self._found.popleft() for _ in range(len(self._found)))

    def ready(self) -> Placed | None:
        """Return the next picture whose place was found, None where there is none."""
        return self._done.popleft() if self._done else None

    def state(self) -> str:
        """Say in a few words what is under way; empty while nothing is."""
        more = self._waiting.qsize()
        return f"{self._state}{f', {more} more' if more else ''}" if self._state else ""

    def close(self) -> None:
        """End the process and forget what waits."""
        self._closed.set()
        with contextlib.suppress(queue.Empty):
            while True:
                self._waiting.get_nowait()
        self._waiting.put(None)
        if (process := self._process) is not None:
            with contextlib.suppress(OSError):
                process.kill()
        self._worker.join(timeout=5.0)

    def _look(self) -> None:
        assert self._inbox is not None
        sizes: dict[Path, int] = {}
        seen = set(_files(self._inbox))
        while not self._closed.wait(LOOK_PERIOD):
            for path, size in _files(self._inbox).items():
                if path in seen:
                    continue
                if size > 0 and sizes.get(path) == size:
                    seen.add(path)
                    self._found.append(path)
                sizes[path] = size

    def _work(self) -> None:
        while (asked := self._waiting.get()) is not None:
            picture, model, assume = asked
            try:
                self._project(picture, model, assume)
            except OSError as error:
                self._notify(Trouble(f"{picture}: cannot be projected: {error.strerror or error}"))
            self._state = ""

    def _project(self, picture: Path, model: str, assume: tuple[str, ...]) -> None:
        if not picture.is_file() or picture.stat().st_size > LARGEST:
            self._notify(Trouble(f"{picture}: this is no picture: drop a PNG, JPEG, WebP or another photograph"))
            return
        with picture.open("rb") as file:
            digest = f"{hashlib.file_digest(file, 'sha256').hexdigest()} {model}"
        if (known := self._known.get(digest)) is not None:
            self._notify(f"{picture.name}: has been projected already, {known.ws} joins once more")
            self._done.append(known)
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        placed = _places(self._folder, picture, model)
        code, said = self._run(placed, assume)
        if self._closed.is_set():
            return
        if code != 0:
            self._notify(Trouble(said or f"{picture}: its projection ended with code {code}"))
            return
        self._known[digest] = placed
        self._done.append(placed)

    def _run(self, placed: Placed, assume: tuple[str, ...]) -> tuple[int, str]:
        """Run the process; return its exit code and the last line that it said."""
        words = [sys.executable, "-P", "-m", "engine", "project", str(placed.picture.absolute()), "-o", str(placed.ws),
                 "--model", placed.model, "--seconds", str(self._seconds), "--compare", str(placed.thumbnail),
                 "--progress", *(word for one in assume for word in ("--assume", one))]  # fmt: skip
        quiet = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        flags = getattr(subprocess, "IDLE_PRIORITY_CLASS", 0)  # Windows has priorities at the start only
        self._state = f"projecting {placed.picture.name}"
        with subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, **quiet},
            creationflags=flags,
        ) as process:
            self._process = process
            _yield_to_all(process.pid)
            assert process.stdout is not None
            assert process.stderr is not None
            for line in process.stdout:
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    self._state = f"projecting {placed.picture.name} {json.loads(line)['progress']:.0%}"
            said = process.stderr.read().strip().splitlines()
            code = process.wait()
        self._process = None
        return code, said[-1] if said else ""


def _files(folder: Path) -> dict[Path, int]:
    """Return the files in a folder and their sizes; nothing where it cannot be read."""
    try:
        return {path: path.stat().st_size for path in folder.iterdir() if path.is_file() and path.name[:1] != "."}
    except OSError:
        return {}


def _places(folder: Path, picture: Path, model: str) -> Placed:
    """Return names in ``folder`` that nobody has, for a picture's result."""
    stem = "".join(ch if ch.isalnum() or ch in "-_" else "-" for ch in picture.stem)[:60] or "picture"
    number = 1
    while (folder / f"portrait-{stem}-{number}.npy").exists() or (folder / f"portrait-{stem}-{number}.png").exists():
        number += 1
    return Placed(picture, folder / f"portrait-{stem}-{number}.npy", folder / f"portrait-{stem}-{number}.png", model)


def _yield_to_all(pid: int) -> None:
    """Let a process run only where nobody else wants to."""
    with contextlib.suppress(OSError, AttributeError):  # Windows has neither call
        os.setpriority(os.PRIO_PROCESS, pid, IDLE)
    with contextlib.suppress(OSError, AttributeError):  # Linux only
        os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
