"""Records frames into CUDA graphs that share one pool of memory. NOT YET RUN ON A GPU (benchmarks/gpu_check)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from engine.generator import cuda

WARM_UP = 2  # runs before a recording: everything is allocated and tuned by then
Recorded = tuple[torch.cuda.CUDAGraph, Tensor]  # a graph, and the frame that it paints


class Recorder:
    """Records on a stream of its own; nothing waits for the device, and no memory is given back to the driver.

    The graphs are replayed one after the other on one stream, and each graph's frame is held. So all of them may have
    their maps in the same memory. A recording survives what other threads do on the device: "thread_local" forbids
    unsafe calls to this thread alone (torch.cuda.graph's own mode forbids them to all).
    """

    mode = "thread_local"

    def __init__(self, device: torch.device) -> None:
        """Nothing is made until the first recording."""
        self._device = device
        self._stream: torch.cuda.Stream | None = None
        self._pool: Any = None  # torch's handle

    def __call__(self, paint: Callable[[], Tensor]) -> Recorded:
        """Run ``paint`` twice, then record it; what it or the recording raises is raised."""
        now = torch.cuda.current_stream(self._device)
        beside = self._stream = self._stream or cuda.stream(self._device)
        pool = self._pool = self._pool or torch.cuda.graph_pool_handle()
        graph = torch.cuda.CUDAGraph()
        beside.wait_stream(now)
        try:
            with torch.cuda.stream(beside):
                for _ in range(WARM_UP):
                    paint()
                graph.capture_begin(pool=pool, capture_error_mode=self.mode)
                try:
                    frame = paint()
                finally:
                    graph.capture_end()
        except BaseException:
            self._give_up(pool)
            raise
        now.wait_stream(beside)
        return graph, frame

    def _give_up(self, pool: Any) -> None:
        """Leave the pool and the stream of a recording that broke off; torch may go on allocating for it."""
        with contextlib.suppress(RuntimeError, AttributeError):
            torch._C._cuda_endAllocateToPool(self._device.index or 0, pool)
        self._pool = self._stream = None
