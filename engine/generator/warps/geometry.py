"""Geometric warps: where each pixel of a feature map takes its value from, and the taking.

All of a layer's geometry composes into one table of coordinates and one pass of sampling. The picture is
moved, scaled, turned and slanted first, then swirled, rippled, sliced, folded and pixelated; coordinates
go the other way, from the finished picture back to the map.

Lengths are picture heights: v runs -0.5..0.5 down the picture and u, in the same unit, across it, so a
turn stays a turn at any aspect ratio. Every function takes scalars as Python floats, or as 0-d tensors
where they must stay variable in a captured CUDA graph; what needs cos or exp of them is worked out on the
host beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.borders.params import Params

Scalar = float | Tensor
Scalars = Mapping[str, Scalar]
Coordinates = tuple[Tensor, Tensor]  # u, v, both [H*W, samples]

BORDERS = ("wrap", "mirror", "clamp")
MAX_SAMPLES = 4  # each way
AFFINE = ("translate", "zoom", "rotate", "shear")  # these become one matrix


def affine(params: Params, names: frozenset[str], turns: float, travel: tuple[float, float]) -> tuple[float, ...]:
    """Return (a, b, c, d, e, f): u, v of the map = a u + b v + c, d u + e v + f of the picture.

    ``names``: which of AFFINE apply; ``turns`` and ``travel`` (heights) are the whole rotation and way.
    """
    a, b, d, e = 1.0, 0.0, 0.0, 1.0  # from the picture back: unslant, turn back, shrink back, move back
    if "shear" in names:
        x, y = params["shear.x"], params["shear.y"]
        det = 1.0 - x * y
        det = math.copysign(max(abs(det), 0.05), det)  # x * y = 1 would squeeze the picture into a line
        a, b, d, e = 1.0 / det, -x / det, -y / det, 1.0 / det
    if "rotate" in names:
        c, s = math.cos(2.0 * math.pi * turns), math.sin(2.0 * math.pi * turns)
        a, b, d, e = c * a - s * d, c * b - s * e, s * a + c * d, s * b + c * e  # v points down
    if "zoom" in names:
        scale = 2.0 ** -params["zoom.octaves"]
        a, b, d, e = a * scale, b * scale, d * scale, e * scale
    c, f = (-travel[0], -travel[1]) if "translate" in names else (0.0, 0.0)
    return a, b, c, d, e, f


def reach(params: Params, names: frozenset[str], matrix: tuple[float, ...], height: int) -> tuple[int, float]:
    """Return (samples each way, spread in pixels): what a pixel of the picture must see of the map.

    One sample where the map is not made smaller. Where it is, samples spread over what a pixel covers, which
    keeps fine detail from flickering; they start from one spot, so that nothing jumps when they set in.
    """
    a, b, _, d, e, _ = matrix
    scale = max(math.hypot(a, d), math.hypot(b, e))
    if "swirl" in names:  # the steepest slope of (1 - r)^2, half way out
        scale *= 1.0 + 2.0 * math.pi * abs(params["swirl.turns"]) * 0.3
    if "ripple" in names:
        scale *= 1.0 + math.pi * params["ripple.amplitude"] / params["ripple.wavelength"]
    samples, spread = (1, 0.0) if scale < 1.05 else (math.ceil(scale), min(scale - 1.0, 1.0))
    if "pixelate" in names:
        cell = 0.25 * params["pixelate.strength"] * height
        samples, spread = max(samples, 2 if cell < 4.0 else 3), max(spread, cell)
    return min(samples, MAX_SAMPLES), spread


def swirl(at: Coordinates, k: Scalars) -> Coordinates:
    """Turn the middle by swirl.angle (radians), less and less out to the radius."""
    u, v = at
    inside = (1.0 - torch.hypot(u, v) / k["swirl.radius"]).clamp(min=0.0)
    angle = inside * inside * k["swirl.angle"]
    c, s = torch.cos(angle), torch.sin(angle)
    return c * u - s * v, s * u + c * v


def ripple(at: Coordinates, k: Scalars) -> Coordinates:
    """Push rings in and out: water, seen from above."""
    u, v = at
    r = torch.hypot(u, v)
    push = torch.sin(r * k["ripple.wavenumber"] - k["ripple.phase"]) * k["ripple.amplitude"]
    stretch = 1.0 + push / r.clamp(min=1e-6)
    return u * stretch, v * stretch


def cut(at: Coordinates, k: Scalars) -> Coordinates:
    """Slice into bands, every other one moved the other way along its length."""
    u, v = at
    band = torch.floor((v * k["slice.cos"] - u * k["slice.sin"]) * k["slice.count"] + k["slice.phase"])
    shift = (torch.remainder(band, 2.0) * 2.0 - 1.0) * k["slice.offset"]
    return u + shift * k["slice.cos"], v + shift * k["slice.sin"]


def fold(at: Coordinates, k: Scalars) -> Coordinates:
    """Kaleidoscope: fold the plane into one sector around the middle, by strength of the way."""
    u, v = at
    r, angle = torch.hypot(u, v), torch.atan2(v, u) - k["kaleidoscope.angle"]
    sector = k["kaleidoscope.sector"]
    angle = (angle - torch.round(angle / sector) * sector).abs() + k["kaleidoscope.angle"]
    strength = k["kaleidoscope.strength"]
    return u + strength * (r * torch.cos(angle) - u), v + strength * (r * torch.sin(angle) - v)


def pixelate(at: Coordinates, k: Scalars) -> Coordinates:
    """Take everything within a cell from the cell's middle (and, through the samples, from around it)."""
    u, v = at
    cell, strength = k["pixelate.cell"], k["pixelate.amount"]
    return (
        u + strength * ((torch.floor(u / cell) + 0.5) * cell - u),
        v + strength * ((torch.floor(v / cell) + 0.5) * cell - v),
    )


# From the finished picture inwards, after `pixelate`; the matrix comes last.
BENDS: Mapping[str, Callable[[Coordinates, Scalars], Coordinates]] = {
    "kaleidoscope": fold,
    "slice": cut,
    "ripple": ripple,
    "swirl": swirl,
}


def lattice(height: int, width: int, samples: int, device: torch.device) -> tuple[Coordinates, Coordinates]:
    """Return the pixels' centres in heights, and where in a pixel of size 1 its samples x samples lie."""
    v = (torch.arange(height, device=device) + (0.5 - height / 2)) / height
    u = (torch.arange(width, device=device) + (0.5 - width / 2)) / height
    inner = (torch.arange(samples, device=device) + 0.5) / samples - 0.5
    du, dv = inner.repeat(samples), inner.repeat_interleave(samples)
    return (u.repeat(height)[:, None], v.repeat_interleave(width)[:, None]), (du[None], dv[None])


class Frame:
    """A map's size and border, and the constants that sampling it needs."""

    def __init__(self, height: int, width: int, border: str, device: torch.device) -> None:
        """``border``: one of BORDERS."""
        self.height, self.border = height, border
        column = torch.tensor([float(width), float(height)], device=device)[:, None, None]
        self._size = column
        self._origin = column / 2 - 0.5
        self._last = column - 1.0
        self._pair = torch.tensor([0.0, 1.0], device=device)[:, None, None, None]
        self._width = float(width)

    def taps(self, at: Coordinates) -> tuple[Tensor, Tensor]:
        """Return the rows (of height * width) each pixel mixes, and how much of each, [H*W, 4 x samples]."""
        p = torch.stack(at) * self.height + self._origin  # [x and y, H*W, samples], in pixels
        if self.border == "mirror":  # fold back at the edges, -0.5 and size - 0.5
            p = (self._size - 0.5) - (self._size - torch.remainder(p + 0.5, 2 * self._size)).abs()
        near = torch.floor(p) + self._pair  # [low or high neighbour, x and y, H*W, samples]
        weights = 1.0 - (p - near).abs()
        if self.border == "wrap":
            near = torch.remainder(near, self._size)
        else:
            near = torch.minimum(near.clamp(min=0.0), self._last)
        rows = (near[:, 1] * self._width)[:, None] + near[:, 0]  # [2, 2, H*W, samples]
        mixed = weights[:, 1][:, None] * weights[:, 0]
        samples = at[0].shape[1]
        mixed = mixed if samples == 1 else mixed / samples
        return _by_pixel(rows.to(torch.int32)), _by_pixel(mixed)


def _by_pixel(corners: Tensor) -> Tensor:
    """[2, 2, H*W, samples] -> [H*W, 4 x samples]."""
    return corners.flatten(0, 1).permute(1, 2, 0).flatten(1)


def gather(x: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
    """Return x [N,C,H,W] resampled: each pixel the weighted sum of the rows (pixels) named for it.

    One embedding_bag: with a pixel's channels side by side in memory it reads whole cache lines, and is
    five to nine times as fast on a CPU as grid_sample (128 channels, 32 px: 0.04 against 0.2 ms).
    """
    n, c, h, w = x.shape
    last = x.is_contiguous(memory_format=torch.channels_last)
    flat = x.permute(0, 2, 3, 1).reshape(n, h * w, c)
    mixed = [mix_rows(flat[i], rows, weights) for i in range(n)]
    out = (torch.stack(mixed) if n > 1 else mixed[0]).view(n, h, w, c).permute(0, 3, 1, 2)
    return out if last else out.contiguous()


def mix_rows(table: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted sums [P, C] of a table's rows [R, C]; rows and weights [P, taps]."""
    return F.embedding_bag(rows, table, per_sample_weights=weights.to(table.dtype), mode="sum")
