"""Projects pictures while a show plays: one after the other, in a process of its own that yields to everything.

The process is `vj project` with one thread and at idle priority, so its memory goes back when it ends, and what breaks
it costs a line.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from engine.borders.errors import Trouble
from engine.show.inbox import Stamp, stamp_of

ROOT = str(Path(__file__).resolve().parents[2])  # the process finds this very engine
PROCESSOR_SECONDS = 60  # of looking for a picture's place; less while others wait
SECONDS = 180  # likewise, by the clock
LEAST = 0.2  # of these, however many wait
MOST_WAITING = 200  # pictures; more are refused
LARGEST = 400_000_000  # bytes of a picture; a larger file is refused
IDLE = 19  # niceness
GROWS_SECONDS = 20.0  # a file that changed so lately may be on its way: that it is broken is told later
LOOK_PERIOD = 1.0  # s between two looks at such files


@dataclass(frozen=True, slots=True)
class Placed:
    """A picture whose place was found: the picture's file, that of its ws, that of its thumbnail, and the model."""

    picture: Path
    ws: Path
    thumbnail: Path
    model: str


@dataclass(frozen=True, slots=True)
class Work:
    """How far the picture is that is worked at: `progress` 0..1, the PSNR in dB, and two small pictures (JPEG)."""

    picture: Path
    progress: float = 0.0
    psnr: float | None = None
    photograph: bytes | None = None
    answer: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Job:
    picture: Path
    model: str
    assume: tuple[str, ...]
    watched: bool  # the inbox brings it again when it changes
    stamp: Stamp | None
    refused: str = ""  # why, where that is still to be told
    grown: bool = False  # since it was refused


class Projector:
    """A queue of pictures and the process that works on it. `take` and `ready` are for the loop; neither waits."""

    def __init__(self, folder: Path, notify: Callable[[str], None], share: float = 1.0) -> None:
        """``folder`` gets the results; ``notify`` gets lines for the performer, from another thread.

        ``share`` of the usual time is taken for a picture.
        """
        self._folder, self._notify, self._share = folder, notify, share
        self._waiting: queue.Queue[_Job | None] = queue.Queue(MOST_WAITING)
        self._late: list[_Job] = []  # refused, and perhaps only half there
        self._done: deque[Placed] = deque()
        self._known: dict[str, Placed] = {}
        self._read: dict[Path, Stamp | None] = {}  # as it was when its projection began
        self._work: Work | None = None
        self._process: subprocess.Popen[str] | None = None
        self._closed = False
        self._worker = threading.Thread(target=self._serve, name="projector", daemon=True)
        self._worker.start()

    def take(self, picture: Path, model: str, assume: tuple[str, ...] = (), watched: bool = False) -> None:
        """Let a picture be projected into a model. ``watched``: it comes again when its file changes."""
        try:
            self._waiting.put_nowait(_Job(picture, model, assume, watched, stamp_of(picture)))
        except queue.Full:
            self._notify(Trouble(f"{picture}: {MOST_WAITING} pictures wait already: drop it again later"))

    def ready(self) -> Placed | None:
        """Return the next picture whose place was found, None where there is none."""
        return self._done.popleft() if self._done else None

    def work(self) -> tuple[Work | None, int]:
        """Return what is worked at, and how many pictures wait."""
        return self._work, self._waiting.qsize()

    def close(self) -> None:
        """End the process and forget what waits."""
        self._closed = True
        with contextlib.suppress(queue.Empty):
            while True:
                self._waiting.get_nowait()
        self._waiting.put(None)
        if (process := self._process) is not None:
            with contextlib.suppress(OSError):
                process.kill()
        self._worker.join(timeout=5.0)

    def _serve(self) -> None:
        while not self._closed:
            try:
                job = self._waiting.get(timeout=LOOK_PERIOD if self._late else None)
            except queue.Empty:
                job = None
            self._heed_late()
            if job is None:
                continue
            try:
                self._project(job)
            except OSError as error:
                self._notify(Trouble(f"{job.picture}: cannot be projected: {error.strerror or error}"))
            self._work = None

    def _heed_late(self) -> None:
        """Take files up again that have grown since they were refused; tell of those that have not."""
        late, self._late = self._late, []
        for job in late:
            stamp = stamp_of(job.picture)
            if stamp is not None and stamp != job.stamp:
                if not job.watched:
                    self._late.append(replace(job, stamp=stamp, grown=True))
            elif job.grown:
                self.take(job.picture, job.model, job.assume)
            elif _fresh(stamp):
                self._late.append(job)
            else:
                self._notify(Trouble(job.refused))

    def _project(self, job: _Job) -> None:
        picture, model = job.picture, job.model
        if not picture.is_file() or picture.stat().st_size > LARGEST:
            self._notify(Trouble(f"{picture}: this is no picture: drop a PNG, JPEG, WebP or another photograph"))
            return
        if job.watched and job.stamp is not None and job.stamp == self._read.get(picture):
            return  # it grew while it waited, so the inbox brought it twice
        job = replace(job, stamp=stamp_of(picture))
        self._read[picture] = job.stamp
        with picture.open("rb") as file:
            digest = f"{hashlib.file_digest(file, 'sha256').hexdigest()} {model}"
        if (known := self._known.get(digest)) is not None and known.ws.is_file():
            self._notify(f"{picture.name}: has been projected already, {known.ws} joins once more")
            self._done.append(replace(known, picture=picture))
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        placed = _places(self._folder, picture, model)
        code, said = self._run(placed, job.assume)
        if self._closed:
            return
        if code == 0:
            self._known[digest] = placed
            self._done.append(placed)
            return
        refused = said or f"{picture}: its projection ended with code {code}"
        if _fresh(job.stamp) or stamp_of(picture) != job.stamp:
            self._late.append(replace(job, refused=refused))
        else:
            self._notify(Trouble(refused))

    def _run(self, placed: Placed, assume: tuple[str, ...]) -> tuple[int, str]:
        """Run the process; return its exit code and the last line that it said."""
        share = self._share * max(LEAST, 1.0 / (1 + self._waiting.qsize()))
        words = [sys.executable, "-P", "-m", "engine", "project", str(placed.picture.absolute()), "-o", str(placed.ws),
                 "--model", placed.model, "--seconds", f"{SECONDS * share:.1f}", "--processor-seconds",
                 f"{PROCESSOR_SECONDS * share:.1f}", "--compare", str(placed.thumbnail), "--progress",
                 *(word for one in assume for word in ("--assume", one))]  # fmt: skip
        quiet = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        paths = [ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
        flags = getattr(subprocess, "IDLE_PRIORITY_CLASS", 0)  # Windows has priorities at the start only
        self._work = Work(placed.picture)
        with subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, **quiet, "PYTHONPATH": os.pathsep.join(paths)},
            creationflags=flags,
        ) as process:
            self._process = process
            _yield_to_all(process.pid)
            if self._closed:
                process.kill()
            assert process.stdout is not None
            assert process.stderr is not None
            for line in process.stdout:
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    self._work = _advanced(self._work, json.loads(line))
            said = process.stderr.read().strip().splitlines()
            code = process.wait()
        self._process = None
        return code, said[-1] if said else ""


def _advanced(work: Work, row: dict[str, object]) -> Work:
    """Return how far the work is by a line of the process. Raises what a line of another kind raises."""
    psnr = row.get("psnr")
    return replace(
        work,
        progress=float(str(row["progress"])),
        psnr=float(psnr) if isinstance(psnr, float | int) else None,
        photograph=base64.b64decode(str(row["photograph"])) if "photograph" in row else work.photograph,
        answer=base64.b64decode(str(row["answer"])) if "answer" in row else work.answer,
    )


def _fresh(stamp: Stamp | None) -> bool:
    """Return whether a file has changed so lately that the rest of it may be on its way."""
    return stamp is not None and abs(time.time() - max(stamp[2:]) / 1e9) < GROWS_SECONDS


def _places(folder: Path, picture: Path, model: str) -> Placed:
    """Return names in ``folder`` that nobody has, for a picture's result."""
    stem = "".join(ch if ch.isalnum() or ch in "-_" else "-" for ch in picture.stem)[:40] or "picture"
    number = 1
    while (folder / f"portrait-{stem}-{number}.npy").exists() or (folder / f"portrait-{stem}-{number}.png").exists():
        number += 1
    return Placed(picture, folder / f"portrait-{stem}-{number}.npy", folder / f"portrait-{stem}-{number}.png", model)


def _yield_to_all(pid: int) -> None:
    """Let a process run only where nobody else wants to, and die first where memory runs out."""
    with contextlib.suppress(OSError, AttributeError):  # Windows has neither call
        os.setpriority(os.PRIO_PROCESS, pid, IDLE)
    with contextlib.suppress(OSError, AttributeError):  # Linux only
        os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
    with contextlib.suppress(OSError):  # likewise
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000", encoding="ascii")
