"""The device that is checked: a CUDA GPU, or in a dry run a CPU that stands in for one (dry.py)."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

import torch

from engine.generator import cuda

DRY = bool(os.environ.get("DRY"))
DEVICE = torch.device("cpu" if DRY else "cuda")
HALF = torch.float32 if DRY else torch.float16  # a CPU computes fp16 hundreds of times slower
CYCLES = 1.7e9  # GPU clock cycles a second, about; converts sleep()'s seconds


def small(number: int, least: int = 16) -> int:
    """Return ``number``, in a dry run a sixteenth of it."""
    return max(least, number // 16) if DRY else number


def few(number: int) -> int:
    """Return the number of repetitions: ``number``, in a dry run two at most."""
    return min(number, 2) if DRY else number


def sleep(seconds: float) -> None:
    """Keep the GPU's stream busy; the call returns at once."""
    torch.cuda._sleep(int(seconds * CYCLES))  # type: ignore[no-untyped-call]


def event() -> torch.cuda.Event:
    """Return an event that notes the time."""
    return cuda.event(timed=True)


def record(one: torch.cuda.Event) -> float:
    """Record the event on the current stream; return the host's time just before."""
    now = time.perf_counter()
    one.record()
    return now


def middle(values: Sequence[float]) -> float:
    """Return the median."""
    return sorted(values)[len(values) // 2]


def reserved_mb() -> int:
    """Return the memory that torch holds on the GPU."""
    return torch.cuda.memory_reserved() >> 20


def peak_mb() -> int:
    """Return the most memory that tensors had on the GPU."""
    return torch.cuda.max_memory_allocated() >> 20


def forget_peak() -> None:
    """Give back what nobody uses, and begin the peak anew."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
