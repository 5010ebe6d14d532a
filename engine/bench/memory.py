"""What memory a bench took: its peak, and whether it grows from frame to frame."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

SAMPLES = 400  # of the resident memory, in a run
SETTLING = 0.2  # of a run, at its beginning, in which caches fill and allocators settle
FEWEST = 200  # frames from which a slope means something


class Residence:
    """Looks at the process's resident memory now and then; ``slope`` is how it went on."""

    def __init__(self, frames: int) -> None:
        import psutil

        self._process = psutil.Process()
        self._every = max(1, frames // SAMPLES)
        self._seen: list[tuple[int, float]] = []

    def look(self, index: int) -> None:
        """Note the memory before frame ``index``, if it is time to."""
        if index % self._every == 0:
            self._seen.append((index, self._process.memory_info().rss / 2**20))

    def slope(self) -> float | None:
        """Return MB per 1,000 frames after settling, by least squares; None for too short a run."""
        return slope(self._seen)


def slope(seen: Sequence[tuple[int, float]]) -> float | None:
    """Return the growth of (frame, MB) pairs, MB per 1,000 frames, the first part left out; None for too few."""
    if not seen or seen[-1][0] < FEWEST:
        return None
    kept = np.asarray([pair for pair in seen if pair[0] >= SETTLING * seen[-1][0]])
    return round(float(np.polyfit(kept[:, 0], kept[:, 1], 1)[0]) * 1e3, 4)


def peak_mb(device: Any) -> float:
    """Return the most memory so far: the GPU's allocator's on CUDA, else the process's resident peak."""
    if device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(device) / 2**20
    status = Path("/proc/self/status")
    if status.exists():  # unlike rusage's, this peak can be forgotten
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    try:
        import resource
    except ImportError:  # Windows has no rusage
        import psutil

        return float(psutil.Process().memory_info().peak_wset) / 2**20
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, others kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def forget_peak(device: Any) -> None:
    """Let the peak begin anew, where that can be done: between two cases of one process."""
    if device.type == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats(device)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # the engine lets glibc keep what is free: see allocator.py
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # proc(5): resets VmHWM
