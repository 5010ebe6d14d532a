"""Slit-scan: each slit of the picture shows another moment of the recent past, here of a feature map.

After the photographic slit-scan (Levin, "An Informal Catalogue of Slit-Scan Video Artworks", 2005), moved
inside the network: the maps of the last seconds lie in a ring on the device, and every pixel mixes the two
that are nearest to its own delay.

Maps are kept at even steps of time, not of frames, and each carries the time it was made at. The same
seconds are therefore scanned at 30 and at 120 frames a second, with the same memory.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.generator.warps.geometry import mix_rows

AXES = ("rows", "columns", "rings", "cloud")
SLOTS = 64  # maps in the ring, if they fit: 2 s in steps of 32 ms


def delay_maps(height: int, width: int, device: torch.device) -> Tensor:
    """Return for every axis of AXES how far back each pixel looks, 0 now .. 1 oldest, [axes, H*W]."""
    v = torch.linspace(0.0, 1.0, height, device=device)[:, None].expand(height, width)
    u = torch.linspace(0.0, 1.0, width, device=device)[None, :].expand(height, width)
    r = torch.hypot((v - 0.5) * height, (u - 0.5) * width)
    seeded = torch.Generator().manual_seed(7)
    coarse = torch.rand(1, 1, 5, max(2, round(5 * width / height)), generator=seeded).to(device)
    cloud = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)[0, 0]
    cloud = (cloud - cloud.min()) / (cloud.max() - cloud.min()).clamp(min=1e-6)
    return torch.stack([m.reshape(-1) for m in (v, u, r / r.max().clamp(min=1e-6), cloud)])


class Times:
    """The host's side of a ring: which slot holds what moment. Slot ``head`` is the frame being made."""

    def __init__(self, slots: int) -> None:
        """``slots`` >= 3."""
        self.slots = slots
        self.head = 0
        self._made = [-math.inf] * slots
        self._step = -1

    def begin(self, time: float, seconds: float) -> tuple[list[float], list[float]]:
        """Start the frame at ``time``; return the ages (rising) and their slots, for ``seconds`` of past.

        Slots without a map yet repeat the oldest that has one.
        """
        newest = self._made[self.head]
        if newest > time:  # the clock went back: a new show
            self._made = [-math.inf] * self.slots
            self._step, newest = -1, -math.inf
        step = math.floor(time * (self.slots - 2) / seconds)
        if step != self._step and newest > -math.inf:
            self.head = (self.head + 1) % self.slots
        self._step = step
        self._made[self.head] = time
        ages, order = [0.0], [float(self.head)]
        for back in range(1, self.slots):
            slot = (self.head - back) % self.slots
            known = self._made[slot] > -math.inf
            ages.append(time - self._made[slot] if known else ages[-1])
            order.append(float(slot) if known else order[-1])
        return ages, order


class Slits:
    """Which two moments every pixel of a map shows, the same for its features and its RGB."""

    def __init__(self, like: Tensor) -> None:
        """For maps of the size of ``like`` [N,C,H,W]."""
        n, _, h, w = like.shape
        self._pixel = torch.arange(n * h * w, device=like.device)[:, None]
        self._delays = delay_maps(h, w, like.device).repeat(1, n)

    def taps(self, ages: Tensor, order: Tensor, depth: Tensor | float, axis: Tensor) -> tuple[Tensor, Tensor]:
        """Return rows of a `Ring` and their weights [N*H*W, 2]: each pixel ``depth`` seconds x its delay old.

        ``ages`` [slots] rising and ``order`` [slots] name the maps; a pixel that would look back further
        than they reach takes the oldest. ``axis`` [1] is the index into AXES.
        """
        delay = self._delays.index_select(0, axis)[0] * depth
        delay = torch.minimum(delay, ages[-1])
        later = torch.searchsorted(ages, delay, right=True).clamp(1, len(ages) - 1)
        pair = torch.stack((later - 1, later), dim=1)
        start, end = ages[pair].unbind(1)
        share = ((delay - start) / (end - start).clamp(min=1e-6)).clamp(0.0, 1.0)
        rows = order[pair].to(torch.int64) * len(self._pixel) + self._pixel
        return rows, torch.stack((1.0 - share, share), dim=1)


class Ring:
    """The device's side: the past of one tensor, pixels as rows, [slots, N*H*W, C]."""

    def __init__(self, like: Tensor, slots: int) -> None:
        """Room for ``slots`` maps of the shape, dtype and device of ``like`` [N,C,H,W].

        Not cleared: no slot is read before it was written, and clearing all at once would cost a frame.
        """
        n, c, h, w = like.shape
        self._table = torch.empty(slots, n * h * w, c, dtype=like.dtype, device=like.device)

    @property
    def memory_bytes(self) -> int:
        """Return the size of the ring."""
        return self._table.nbytes

    def scan(self, x: Tensor, head: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
        """Keep x [N,C,H,W] in slot ``head`` [1] and return the mixture of the past that `Slits.taps` names."""
        self._table.index_copy_(0, head, x.permute(0, 2, 3, 1).reshape(1, *self._table.shape[1:]))
        mixed = mix_rows(self._table.flatten(0, 1), rows, weights)
        n, c, h, w = x.shape
        out = mixed.view(n, h, w, c).permute(0, 3, 1, 2)
        return out if x.is_contiguous(memory_format=torch.channels_last) else out.contiguous()


def slots_for(nbytes: int, limit_bytes: float) -> int:
    """Return how many maps of ``nbytes`` go into the ring: SLOTS, or fewer (never under 3) to keep the limit."""
    return int(min(SLOTS, max(3, limit_bytes // max(nbytes, 1))))
