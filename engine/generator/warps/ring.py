"""The past of a layer, for the slit-scan: the maps of the last seconds, and which of them each pixel shows.

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

from engine.borders.params import Params
from engine.generator.warps.sampling import mix_rows
from engine.generator.warps.state import Fitted, Setup, State
from engine.generator.warps.values import send
from engine.generator.warps.warp import Scalars

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

    def reached(self, depth: float) -> tuple[float, ...]:
        """Return when the maps were made that a look ``depth`` seconds back mixes, newest first."""
        made = [self._made[(self.head - back) % self.slots] for back in range(self.slots)]
        known = [time for time in made if time > -math.inf]
        within = sum(known[0] - time <= depth for time in known)
        return tuple(known[: within + 2])  # one beyond it is mixed in; another one for rounding


class Slits:
    """Which two moments every pixel of a map shows, the same for its features and its RGB."""

    def __init__(self, like: Tensor) -> None:
        """For maps of the size of ``like`` [N,C,H,W]."""
        n, _, h, w = like.shape
        self._pixel = torch.arange(n * h * w, device=like.device)[:, None]
        self._delays = delay_maps(h, w, like.device).repeat(1, n)

    def taps(self, ages: Tensor, order: Tensor, depth: Tensor | float, axis: Tensor) -> tuple[Tensor, Tensor]:
        """Return rows of a `MapRing` and their weights [N*H*W, 2]: each pixel ``depth`` seconds x its delay old.

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


class MapRing:
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


class Past(State):
    """The rings of the layer that is scanned, and their times."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._times = Times(SLOTS)
        self._table = torch.zeros(2 * SLOTS + 2, device=setup.device)  # ages, order, head, axis
        self._rings, self._slits = Fitted(MapRing), Fitted(Slits)
        self._time, self._seconds, self._axis = 0.0, 1.0, 0
        self._depth = 0.0  # seconds; how far back the last slit looks
        self._anew = True  # the ring is made in this frame

    def begin(self, params: Params, time: float) -> None:
        """See State."""
        self._time, self._seconds, self._axis = time, params["slitscan.seconds"], int(params["slitscan.axis"])
        self._depth = params["slitscan.strength"] * self._seconds
        if self._anew and (known := self.setup.map_bytes.get(self.layer)) is not None:
            self._times = Times(slots_for(known, self.setup.memory_limit))
        self._anew = False
        self._send_times()

    def sees(self) -> tuple[float, ...]:
        """See State: the moments that the slits reach, and the one behind the last of them."""
        return self._times.reached(self._depth)

    def __call__(self, layer: int, x: Tensor, img: Tensor | None, k: Scalars) -> tuple[Tensor, Tensor | None]:
        """See State. The RGB shows the same moments as the features."""
        fits = self._rings.has(layer, "x", x) and (img is None or self._rings.has(layer, "img", img))
        if not fits and layer not in self.setup.map_bytes:
            self._times = Times(slots_for(x.nbytes, self.setup.memory_limit))  # a new ring has no past: all begin anew
            self._send_times()
        ages, order = self._table[:SLOTS], self._table[SLOTS : 2 * SLOTS]
        last = self._table[2 * SLOTS :].to(torch.int64)
        head, axis = last[:1], last[1:]
        taps = self._slits(layer, "x", x).taps(ages, order, k["slitscan.depth"], axis)
        slots = self._times.slots
        scanned = self._rings(layer, "x", x, slots).scan(x, head, *taps)
        return scanned, None if img is None else self._rings(layer, "img", img, slots).scan(img, head, *taps)

    def end(self, layer: int) -> bool:
        """See State."""
        self._times, self._anew = Times(SLOTS), True
        return self._rings.drop(layer)

    def reset(self) -> None:
        """See State."""
        self._times = Times(self._times.slots)

    def memory_bytes(self) -> int:
        """See State."""
        return sum(ring.memory_bytes for ring in self._rings.values())

    def _send_times(self) -> None:
        """Start the frame in the times, and give them to the device; what they leave of SLOTS repeats the last."""
        ages, order = self._times.begin(self._time, self._seconds)
        rest = SLOTS - len(ages)
        send([*ages, *[ages[-1]] * rest, *order, *[order[-1]] * rest, order[0], self._axis], self._table)


def slots_for(nbytes: int, limit_bytes: float) -> int:
    """Return how many maps of ``nbytes`` go into the ring: SLOTS, or fewer (never under 3) to keep the limit."""
    return int(min(SLOTS, max(3, limit_bytes // max(nbytes, 1))))
