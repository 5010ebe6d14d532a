"""What a node of a farm does: it makes one part in a process of its own, and hands it over as bytes."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import engine
from engine.cli.handover import SUFFIX

DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


@dataclass(frozen=True, slots=True)
class Order:
    """A part to make: the words of ``vj render`` without output and trace, and its frames.

    ``files`` are all that the words name, by path, with their digests: a node that has them not gets them sent.
    ``state`` is what an earlier part has handed over, empty where none has.
    """

    words: tuple[str, ...]
    frames: tuple[int, int]
    traced: bool
    files: Mapping[str, str]
    state: bytes = b""


@dataclass(frozen=True, slots=True)
class Made:
    """What came of it: the exit code, the last line, the part, its trace, how long it took, what it hands over."""

    code: int
    line: str
    part: bytes
    trace: bytes
    seconds: float
    state: bytes = b""


def serve(order: Order, sent: Sequence[Any]) -> Made:
    """Make the part on this node; where files are lacking, fetch them: ``sent`` is a reference to all of them."""
    if not lacking(order):
        return make(order)
    import ray

    files: Mapping[str, bytes] = ray.get(sent[0])
    return make(order, files)


def lacking(order: Order) -> bool:
    """Return whether this node has not all the files, as they are on the other machine."""
    return any(digest(Path(path)) != wanted for path, wanted in order.files.items())


def digest(path: Path) -> str:
    """Return a digest of a file's contents, empty where it cannot be read."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    return ""


def make(order: Order, sent: Mapping[str, bytes] | None = None) -> Made:
    """Make the part; with ``sent`` from these files, which are laid out in a folder as on the other machine."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="vj-farm-") as folder:
        room = Path(folder)
        words = [*order.words]
        if sent is not None:
            for name, content in sent.items():
                place = _mirrored(room, name)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
            folders = {str(Path(name).parent) for name in sent}
            words = [str(_mirrored(room, word)) if word in sent or word in folders else word for word in words]
        part, trace = room / "part.mkv", room / "trace.jsonl"
        words += ["--frames", f"{order.frames[0]}:{order.frames[1]}", "-o", str(part)]
        words += ["--trace", str(trace)] if order.traced else []
        if order.state:
            (room / f"before{SUFFIX}").write_bytes(order.state)
        code, said = _run(words)
        lines = [line for line in said.splitlines() if line.strip()]
        return Made(
            code=code,
            line=lines[-1] if lines else "",
            part=part.read_bytes() if code == 0 else b"",
            trace=trace.read_bytes() if code == 0 and order.traced else b"",
            seconds=time.monotonic() - begun,
            state=own.read_bytes() if code == 0 and (own := part.with_suffix(SUFFIX)).exists() else b"",
        )


def _mirrored(room: Path, name: str) -> Path:
    """Return where a file of the other machine lies in ``room``: presets name others by the way from their own."""
    path = Path(name)
    return room / "files" / path.relative_to(path.anchor)


def _run(words: Sequence[str]) -> tuple[int, str]:
    """Run vj to its end; it ends with this process, however that does."""
    root = str(Path(engine.__file__).resolve().parents[1])
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])}
    done = subprocess.run(
        [sys.executable, "-m", "engine", *words],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        preexec_fn=_end_with_parent if sys.platform.startswith("linux") else None,
    )
    return done.returncode, done.stdout


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL)
