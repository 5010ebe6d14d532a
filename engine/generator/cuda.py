"""CUDA's events and streams with types: the constructors of torch have none. torch is loaded at the first call."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


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
