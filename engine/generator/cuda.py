"""CUDA's events and streams with types: the constructors of torch have none. torch is loaded at the first call."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    import torch

P = ParamSpec("P")
T = TypeVar("T")

# Held by the thread that records a graph, and by any thread that loads or copies on the device. The recording thread
# only tries to take it and goes on without a graph. A thread that waits for the whole device breaks a recording off.
CAPTURE = threading.RLock()


def event(timed: bool = False) -> torch.cuda.Event:
    """Return an event; a ``timed`` one notes the time."""
    import torch

    return torch.cuda.Event(enable_timing=timed)  # type: ignore[no-untyped-call]


def has_passed(event: torch.cuda.Event) -> bool:
    """Return whether the device has come to ``event``, without waiting for it."""
    return bool(event.query())  # type: ignore[no-untyped-call]


def stream(device: torch.device | None = None) -> torch.cuda.Stream:
    """Return a new stream of ``device``, or of the present one."""
    import torch

    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def sent(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return ``values``, which lie on the host, on ``device``.

    To a GPU they go by way of pinned memory: a copy from any other waits for all that the device has under way.
    """
    if device.type != "cuda":
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)


def exactly(work: Callable[P, T]) -> Callable[P, T]:
    """Return ``work`` with fp32 convolutions and products in fp32: cuDNN's default is TF32, of ten bits."""

    @functools.wraps(work)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        with true_fp32():
            return work(*args, **kwargs)

    return call


@contextmanager
def true_fp32() -> Iterator[None]:
    """Let no TF32 stand in for fp32 inside."""
    import torch

    convolutions, products = torch.backends.cudnn, torch.backends.cuda.matmul
    before = convolutions.allow_tf32, products.allow_tf32
    convolutions.allow_tf32 = products.allow_tf32 = False
    try:
        yield
    finally:
        convolutions.allow_tf32, products.allow_tf32 = before
