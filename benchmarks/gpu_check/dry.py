"""A dry run's GPU: the names of ``torch.cuda`` that the steps and the engine call, for a CPU.

Nothing is recorded into a graph and no memory is counted; what is put to sleep on a stream is a time until which the
stream is busy. With it the real generator for GPUs, the real steps and all their imports run anywhere.
"""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator

import torch

from benchmarks.gpu_check.device import CYCLES


class Timeline:
    """The one stream: busy until a moment."""

    busy_until = 0.0

    @classmethod
    def now(cls) -> float:
        """Return when what was asked for so far is done."""
        return max(time.perf_counter(), cls.busy_until)

    @classmethod
    def sleep(cls, cycles: int) -> None:
        """See torch.cuda._sleep."""
        cls.busy_until = cls.now() + cycles / CYCLES

    @classmethod
    def synchronize(cls, device: object = None) -> None:
        """See torch.cuda.synchronize."""
        time.sleep(max(cls.busy_until - time.perf_counter(), 0.0))


class Event:
    """See torch.cuda.Event."""

    def __init__(self, enable_timing: bool = False) -> None:
        self._at = 0.0

    def record(self, stream: object = None) -> None:
        """See torch.cuda.Event."""
        self._at = Timeline.now()

    def query(self) -> bool:
        """See torch.cuda.Event."""
        return time.perf_counter() >= self._at

    def synchronize(self) -> None:
        """See torch.cuda.Event."""
        time.sleep(max(self._at - time.perf_counter(), 0.0))

    def elapsed_time(self, end: Event) -> float:
        """See torch.cuda.Event."""
        return (end._at - self._at) * 1e3


class Stream:
    """See torch.cuda.Stream."""

    cuda_stream = 0

    def __init__(self, device: object = None) -> None:
        """There is one stream only."""

    def wait_stream(self, other: Stream) -> None:
        """There is nothing to wait for."""


class Graph:
    """See torch.cuda.CUDAGraph."""

    def replay(self) -> None:
        """The frame stays the one that was painted while it was recorded."""

    def capture_begin(self, pool: object = None, capture_error_mode: str = "") -> None:
        """See torch.cuda.CUDAGraph: what follows is run at once."""

    def capture_end(self) -> None:
        """See torch.cuda.CUDAGraph."""


@contextlib.contextmanager
def within(*args: object, **settings: object) -> Iterator[None]:
    """See torch.cuda.stream and torch.cuda.graph: what is inside is run at once."""
    yield


def pretend() -> None:
    """Put all of this in the place of torch's own, for the rest of this process."""
    stand_ins = {
        "Event": Event,
        "Stream": Stream,
        "CUDAGraph": Graph,
        "stream": within,
        "graph_pool_handle": lambda: (0, 1),
        "current_stream": Stream,
        "synchronize": Timeline.synchronize,
        "_sleep": Timeline.sleep,
        "empty_cache": lambda: None,
        "reset_peak_memory_stats": lambda: None,
        "memory_reserved": lambda: 0,
        "max_memory_allocated": lambda: 0,
        "memory_stats": lambda: defaultdict(int),
        "get_device_name": lambda device=None: "none",
        "get_arch_list": list,
    }
    for name, stand_in in stand_ins.items():
        setattr(torch.cuda, name, stand_in)
    setattr(torch.Tensor, "pin_memory", lambda tensor, device=None: tensor)  # noqa: B010
    torch.set_num_threads(1)
