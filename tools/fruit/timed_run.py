"""A timed run: steps of any lesson for some minutes, with a log, snapshots and samples."""

from __future__ import annotations

import argparse
import csv
import os
import signal
import sys
import time
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from tools.fruit.shards import Shards
from tools.fruit.training import Training

SAVED_EVERY = 20  # lines of the log; between two snapshots

# glibc keeps freed memory in the process instead of giving it back at every step: up to three times faster. Threads
# spin for a moment before they sleep: they meet two thousand times a second, and another program may need the core.
# fmt: off
SURROUNDINGS = {"GOMP_SPINCOUNT": "30000",
                "MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "17179869184",
                "MALLOC_TOP_PAD_": "268435456", "MALLOC_ARENA_MAX": "1"}
# fmt: on


class Lesson(Protocol):
    """What is learnt: steps on a run. Each step returns the figures that ``names`` names."""

    run: Training
    resolution: int  # pixels; at which it learns
    log: str  # the name of its file
    names: tuple[str, ...]

    def warmth(self) -> float:
        """Return the warm-up factor of the learning rate; 1 and above: warm."""
        ...

    def step(self, data: Shards, rate: float) -> tuple[float, ...]:
        """Learn from one batch."""
        ...

    def save(self) -> None:
        """Write everything, whole or not at all."""
        ...


def surround(module: str) -> None:
    """Start ``module`` again with the variables it needs: glibc and OpenMP read them once, before main."""
    if any(os.environ.get(k) != v for k, v in SURROUNDINGS.items()):
        os.environ.update(SURROUNDINGS)
        os.execv(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]])


def arguments(doc: str | None, *, batch: int, rate: float, settle: float) -> argparse.ArgumentParser:
    """Return a parser with the arguments of every timed run."""
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("data", type=Path, help="folder of shards, may still be growing")
    p.add_argument("--run", type=Path, required=True)
    p.add_argument("--minutes", type=float, default=60)
    p.add_argument("--settle", type=float, default=settle, help="share of the time in which the rate falls")
    p.add_argument("--batch", type=int, default=batch)
    p.add_argument("--rate", type=float, default=rate)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--report", type=float, default=15.0, help="seconds between lines of the log")
    return p


def sit(lesson: Lesson, data: Shards, a: argparse.Namespace) -> None:
    """Learn for ``a.minutes``; the rate falls to a twentieth over the last ``a.settle`` share. Ctrl-C ends early.

    Several processes that torchrun has started go by the clock of the first, and it alone writes.
    """
    run, stop, together = lesson.run, list[int](), lesson.run.together
    torch.set_num_threads(a.threads)
    previous = signal.signal(signal.SIGINT, lambda *_: stop.append(1))
    begun, seen, lines, figures = run.seconds, run.images, 0, list[tuple[float, ...]]()
    start = marked = time.monotonic()
    while True:
        left = together.first(0.0 if stop else 1 - (time.monotonic() - start) / max(a.minutes * 60, 1e-9))
        if left <= 0:
            break
        rate = run.plan.rate * min(1.0, 0.05 + 0.95 * left / max(a.settle, 1e-6), lesson.warmth())
        figures.append(lesson.step(data, rate))
        run.seconds = begun + (1 - left) * a.minutes * 60
        if (now := time.monotonic()) - marked > a.report:
            pace, count = (run.images - seen) / (now - marked), data.refresh()
            if together.writes:
                _write_down(lesson, (rate, *np.mean(figures, axis=0)), pace, count, left * a.minutes)
                if lines % SAVED_EVERY == 0:
                    _keep(lesson, data)
            marked, seen, figures, lines = now, run.images, [], lines + 1
    if together.writes:
        _keep(lesson, data)
    signal.signal(signal.SIGINT, previous)


def _write_down(lesson: Lesson, figures: tuple[float, ...], pace: float, count: int, left: float) -> None:
    """Add a line to the log, and say it; ``left`` is in minutes."""
    run = lesson.run
    row: tuple[object, ...] = (run.images, round(run.seconds), lesson.resolution, *figures, pace, count)
    with (run.folder / lesson.log).open("a", newline="") as f:
        csv.writer(f).writerow([f"{x:.5g}" if isinstance(x, float) else x for x in row])
    told = "  ".join(f"{name} {mean:.4f}" for name, mean in zip(lesson.names, figures[1:], strict=True))
    print(f"{run.images:>8} images  {pace:5.1f}/s  {told}  rate {figures[0]:.1e}  {count} in the data  "
          f"{left:.0f} min left", flush=True)  # fmt: skip


def _keep(lesson: Lesson, data: Shards) -> None:
    lesson.save()
    lesson.run.draw_samples(data, lesson.resolution)
