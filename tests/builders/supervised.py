"""A show with its supervisor, in processes, and its trace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.builders.show import ROOT
from tests.builders.sound_server import MODEL

PRESET = """
name = "plain"
passes = []
[latent]
seeds = [1, 2, 3]
[params]
speed = 0.02
[[routes]]
source = "osc.zoom"
target = "picture.zoom"
mode = "set"
range = [0.5, 2.0]
"""
PATIENCE = 90.0  # s; for anything, on a crowded machine


class Supervised:
    """A show with its supervisor, and its trace."""

    def __init__(self, folder: Path, *words: object, env: dict[str, str] | None = None) -> None:
        """``words`` come after those that every such show has; its files lie in ``folder``."""
        (folder / "plain.toml").write_text(PRESET, encoding="utf-8")
        self.trace, self.said = folder / "t.jsonl", folder / "said.txt"
        self._rows: list[dict[str, Any]] = []
        self._read = 0  # bytes of the trace
        arguments = [sys.executable, "-m", "engine", "live", "--supervise", "--model", MODEL, "--preset",
                     folder / "plain.toml", "--trace", self.trace, "--fps", 30, "--backend", "eager",
                     "--no-interpolation", *words]  # fmt: skip
        homes = {f"XDG_{each}_HOME": str(folder / each.lower()) for each in ("STATE", "CONFIG", "DATA")}
        with self.said.open("w") as said:
            self.process = subprocess.Popen(
                list(map(str, arguments)), cwd=ROOT, env={**(env or os.environ), **homes}, stdin=subprocess.DEVNULL,
                stdout=said, stderr=said,
            )  # fmt: skip

    def rows(self) -> list[dict[str, Any]]:
        """Return the whole lines of the trace; only what is new is read."""
        if self.trace.exists():
            with self.trace.open("rb") as file:
                file.seek(self._read)
                whole, newline, _ = file.read().rpartition(b"\n")
            self._read += len(whole + newline)
            self._rows += [json.loads(line) for line in whole.splitlines()]
        return self._rows

    def plays(self, frames: int = 20) -> None:
        """Return when that many frames more have been shown."""
        before, give_up = len(self.rows()), time.monotonic() + PATIENCE
        while len(self.rows()) < before + frames:
            assert self.process.poll() is None, self.said.read_text()
            assert time.monotonic() < give_up, self.said.read_text()
            time.sleep(0.02)

    def show(self) -> int:
        """Return the number of the show's own process, which writes the trace."""
        return next(
            pid for pid in self.copies() if any(_leads(each, self.trace) for each in Path(f"/proc/{pid}/fd").iterdir())
        )

    def copies(self) -> list[int]:
        """Return the numbers of the process that is copied, its double and the show, the oldest first."""
        return copies(self.trace.parent / "state")


def copies(state: Path) -> list[int]:
    """Return the numbers of the processes that have loaded everything for a show that keeps its state there.

    These are the one that is copied, its double and the show, the oldest first.
    """
    mine, found = f"XDG_STATE_HOME={state}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if b"engine.cli.warm" in words and mine in (folder / "environ").read_bytes().split(b"\0"):
                found.append((int((folder / "stat").read_text().rpartition(")")[2].split()[19]), int(folder.name)))
    return [pid for _, pid in sorted(found)]


def _leads(link: Path, to: Path) -> bool:
    with suppress(OSError):
        return link.readlink() == to
    return False


def children(pid: int) -> list[int]:
    """Return the numbers of a process's children."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(number) for task in tasks for number in task.read_text().split()]


@contextmanager
def supervised(folder: Path, *words: object, env: dict[str, str] | None = None) -> Iterator[Supervised]:
    """Play such a show while the block runs."""
    show = Supervised(folder, *words, env=env)
    try:
        yield show
    finally:
        if show.process.poll() is None:
            show.process.terminate()
            try:
                show.process.wait(20.0)
            finally:
                show.process.kill()
