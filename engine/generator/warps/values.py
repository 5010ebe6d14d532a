"""The numbers of the feature warps, worked out on the host once a frame and handed to the device in one copy.

Where a CUDA graph is captured every number has to live in device memory at a fixed address; elsewhere
plain floats are quicker. `Values.scalars` gives whichever it is under the same names.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from engine.borders.params import Params
from engine.generator.warps.geometry import AFFINE, BENDS, Scalar, affine
from engine.generator.warps.slitscan import SLOTS

WARPS = ("freeze", "slitscan", *AFFINE, *BENDS, "pixelate", "channels", "inject")
MATRIX = ("a", "b", "c", "d", "e", "f", "spread")  # of a layer: `warp_grid.affine`, and the spread of samples
LEVELS = 9  # layers 4 .. 1024

_TAU = 2.0 * math.pi


class Motion:
    """What goes on by itself: turning, moving, rings running outwards. Seconds in, never frames."""

    def __init__(self) -> None:
        self.turns = self.x = self.y = self.ripple = self.bands = self.drift = 0.0

    def advance(self, params: Params, dt: float) -> None:
        """Go on for ``dt`` seconds at the speeds of this frame."""
        self.turns = (self.turns + params["rotate.speed"] * dt) % 1.0
        self.x += params["translate.speed_x"] * dt
        self.y = (self.y + params["translate.speed_y"] * dt) % 2.0  # every border repeats after two heights
        self.ripple = (self.ripple + params["ripple.speed"] * dt) % 1.0
        self.bands = (self.bands + params["slice.speed"] * dt) % 2.0
        self.drift = (self.drift + params["inject.drift"] * dt) % 1.0

    def matrix(self, params: Params, names: frozenset[str]) -> tuple[float, ...]:
        """Return a layer's matrix for the warps ``names`` on it."""
        travel = (params["translate.x"] + self.x, params["translate.y"] + self.y)
        return affine(params, names, params["rotate.turns"] + self.turns, travel)


def switched_on(params: Params, motion: Motion) -> frozenset[str]:
    """Return the warps that change anything with these values."""
    amounts: dict[str, float] = {
        "freeze": params["freeze.strength"],
        "slitscan": params["slitscan.strength"],
        "translate": abs(params["translate.x"] + motion.x) + abs(params["translate.y"] + motion.y),
        "zoom": params["zoom.octaves"],
        "rotate": (params["rotate.turns"] + motion.turns) % 1.0,
        "shear": abs(params["shear.x"]) + abs(params["shear.y"]),
        "swirl": params["swirl.turns"],
        "ripple": params["ripple.amplitude"],
        "slice": params["slice.offset"],
        "kaleidoscope": params["kaleidoscope.strength"],
        "pixelate": params["pixelate.strength"],
        "channels": (params["channels.gain"] - 1.0) * params["channels.share"],
        "inject": params["inject.strength"],
    }
    return frozenset(name for name, amount in amounts.items() if amount != 0.0)


def host_scalars(params: Params, motion: Motion) -> dict[str, float]:
    """Return what all layers share, with every cos and sin already taken."""
    slice_angle = _TAU * params["slice.turns"]
    drift, injected = _TAU * motion.drift, params["inject.strength"]
    pixelate = params["pixelate.strength"]
    return {
        "slitscan.depth": params["slitscan.strength"] * params["slitscan.seconds"],
        "freeze.strength": params["freeze.strength"],
        "swirl.radius": params["swirl.radius"],
        "swirl.angle": _TAU * params["swirl.turns"],
        "ripple.amplitude": params["ripple.amplitude"],
        "ripple.wavenumber": _TAU / params["ripple.wavelength"],
        "ripple.phase": _TAU * motion.ripple,
        "slice.offset": params["slice.offset"],
        "slice.count": params["slice.count"],
        "slice.phase": params["slice.phase"] + motion.bands,
        "slice.cos": math.cos(slice_angle),
        "slice.sin": -math.sin(slice_angle),  # counter-clockwise, and v points down
        "kaleidoscope.strength": params["kaleidoscope.strength"],
        "kaleidoscope.sector": _TAU / params["kaleidoscope.segments"],
        "kaleidoscope.angle": -_TAU * params["kaleidoscope.turns"],
        "pixelate.cell": max(0.25 * pixelate, 1e-4),
        "pixelate.amount": min(pixelate / 0.05, 1.0),
        "channels.gain": params["channels.gain"],
        "channels.share": params["channels.share"],
        "channels.seed": params["channels.seed"],
        "channels.like": params["channels.like"],
        "inject.cos": injected * math.cos(drift),
        "inject.sin": injected * math.sin(drift),
    }


class Values:
    """This frame's numbers, as floats or in device memory."""

    def __init__(self, device: torch.device, graphs: bool) -> None:
        """``graphs``: in device memory, at addresses that never change."""
        self._graphs = graphs
        self._names = (*host_scalars(Params(), Motion()), "freeze.grab", "channels.grab")
        self._shared: dict[str, float] = {}
        self._layers: dict[int, tuple[float, ...]] = {}
        width = len(self._names)
        self._device = torch.zeros(width + LEVELS * len(MATRIX), device=device)
        self._ring = torch.zeros(2 * SLOTS + 2, device=device)
        self._views: dict[int, dict[str, Scalar]] = {}
        if graphs:
            shared = dict(zip(self._names, self._device.unbind()[:width], strict=True))
            for level, row in enumerate(self._device[width:].view(LEVELS, len(MATRIX)).unbind()):
                self._views[4 << level] = {**shared, **dict(zip(MATRIX, row.unbind(), strict=True))}

    def load(
        self,
        params: Params,
        motion: Motion,
        matrices: Mapping[int, tuple[float, ...]],
        grabs: Mapping[str, float],
    ) -> None:
        """Take the frame's numbers; ``matrices`` by layer, each in the order of MATRIX."""
        self._shared = {**host_scalars(params, motion), **grabs}
        self._layers = dict(matrices)
        if self._graphs:
            flat = [self._shared[name] for name in self._names]
            for level in range(LEVELS):
                flat += self._layers.get(4 << level, (0.0,) * len(MATRIX))
            _copy(flat, self._device)

    def scalars(self, layer: int) -> Mapping[str, Scalar]:
        """Return the numbers for ``layer`` by name."""
        if self._graphs:
            return self._views[layer]
        return {**self._shared, **dict(zip(MATRIX, self._layers[layer], strict=True))}

    def load_ring(self, ages: Sequence[float], order: Sequence[float], axis: int) -> None:
        """Take the slit-scan's table of times; what it leaves of SLOTS repeats its last entry."""
        rest = SLOTS - len(ages)
        _copy([*ages, *[ages[-1]] * rest, *order, *[order[-1]] * rest, order[0], axis], self._ring)

    @property
    def ring(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return ages [SLOTS], order [SLOTS], head [1] and axis [1]."""
        whole = self._ring[2 * SLOTS :].to(torch.int64)
        return self._ring[:SLOTS], self._ring[SLOTS : 2 * SLOTS], whole[:1], whole[1:]


def _copy(values: Sequence[float], into: Tensor) -> None:
    """Copy numbers to the device without waiting for it."""
    pinned = into.device.type == "cuda"
    into.copy_(torch.tensor(values, dtype=torch.float32, pin_memory=pinned), non_blocking=pinned)
