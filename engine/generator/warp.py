"""Feature warps: what happens to the network's intermediate maps between two of its blocks.

Network bending (Broad, Leymarie and Grierson, "Network Bending: Expressive Manipulation of Deep
Generative Models", 2021) played live: a block's output is delayed, cut, turned or held, and the rest
of the network carries on as if it had painted that itself.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import torch
from torch import Tensor

from engine.control.params import Params


class FeatureWarps:
    """Every warp of the picture, on every layer; one object per generator.

    The contract with a runtime, fast or plain:

    - Once a frame, before the first block and outside any graph capture: ``begin(params, time, dt)``.
      It does the host's arithmetic and copies a few numbers to the device, asynchronously.
    - After every block's ToRGB has been added: ``if warps.active(r): x, img = warps(r, x, img)``. This is
      `network.Hook` as it stands, so ``synthesis(ws, hook=warps)`` works too.
    - ``__call__`` runs device work only: no host synchronisation, no branch on a value, state (the ring
      of the slit-scan, a frozen layer) in tensors that keep their addresses while ``plan`` stays equal.
      A CUDA graph captured under one ``plan`` is therefore valid for every frame with an equal ``plan``;
      knobs that move do not change it, a warp that is switched on, off or to another layer does.
    - Where nothing is active at a layer, the very objects x and img come back: bit for bit, no cost.
    """

    def __init__(
        self, resolutions: Sequence[int], device: str | torch.device = "cpu", memory_limit_mb: float = 256.0
    ) -> None:
        """``resolutions``: the blocks that are rendered, 4, 8, … (set the attribute anew when that changes).

        ``memory_limit_mb`` bounds the slit-scan's ring; what would not fit is recorded more coarsely.
        """
        self.resolutions = tuple(resolutions)
        self.device = torch.device(device)
        self.memory_limit_mb = memory_limit_mb

    def begin(self, params: Params, time: float, dt: float) -> None:
        """Start a frame at ``time`` seconds, ``dt`` after the last; a layer that is not a block is snapped."""

    @property
    def plan(self) -> Hashable:
        """What the frame begun will run, and on which layers: equal plans run the same operations."""
        return ()

    def active(self, resolution: int) -> bool:
        """Return whether anything happens at block ``resolution`` in this frame."""
        return False

    def __call__(self, resolution: int, x: Tensor, img: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Warp a block's output x [N,C,H,W] and the RGB so far img [N,3,H,W] (None: there is none yet).

        Any floating dtype each, dtype and memory format are kept, H and W need not be equal.
        """
        return x, img

    def reset(self) -> None:
        """Forget the past: rings, frozen layers, accumulated rotation and travel (on a cue)."""

    def memory_bytes(self) -> int:
        """Return what the rings and frozen layers hold on the device at the moment, in bytes."""
        return 0
