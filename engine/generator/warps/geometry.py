"""All geometry of a layer in one resampling: where every pixel comes from, and the taking.

The picture is moved, scaled, turned and slanted first, then bent, then cut into cells. Coordinates go the other way,
from the finished picture back to the map.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from engine.borders.params import Params
from engine.generator.warps.order import WARPS
from engine.generator.warps.sampling import BORDERS, Sampler, gather
from engine.generator.warps.state import Fitted
from engine.generator.warps.warp import Affine, Bend, Matrix, Phases, Scalars

MAX_SAMPLES = 4  # each way
STILL: Matrix = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)

# From the finished picture inwards: cells, then bends, then the matrix.
AFFINE = tuple(warp for warp in reversed(WARPS) if isinstance(warp, Affine))
BENDS = tuple(warp for warp in reversed(WARPS) if isinstance(warp, Bend) and warp.cell is None)
CELLS = tuple(warp for warp in reversed(WARPS) if isinstance(warp, Bend) and warp.cell is not None)
NAMES = frozenset(warp.name for warp in (*AFFINE, *BENDS, *CELLS))
_MATRIX_NAMES = frozenset(warp.name for warp in AFFINE)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a layer is sampled: a part of its plan."""

    samples: int  # each way
    border: str


def matrix(params: Params, phases: Phases, names: frozenset[str]) -> Matrix:
    """Return the one matrix of the affine warps in ``names``, from the picture back."""
    whole = STILL
    for warp in AFFINE:
        if warp.name in names:
            whole = _after(warp.back(params, phases), whole)
    return whole


def _after(outer: Matrix, inner: Matrix) -> Matrix:
    """Return the matrix that does ``inner``, then ``outer``."""
    (a, b, c, d, e, f), (p, q, r, s, t, u) = outer, inner
    return a * p + b * s, a * q + b * t, a * r + b * u + c, d * p + e * s, d * q + e * t, d * r + e * u + f


def reach(params: Params, names: frozenset[str], whole: Matrix, height: int) -> tuple[int, float]:
    """Return (samples each way, spread in pixels): what a pixel of the picture must see of the map.

    One sample where the map is not made smaller. Where it is, samples spread over what a pixel covers, which
    keeps fine detail from flickering; they start from one spot, so that nothing jumps when they set in.
    """
    a, b, _, d, e, _ = whole
    scale = max(math.hypot(a, d), math.hypot(b, e))
    for warp in reversed(BENDS):
        if warp.name in names:
            scale *= warp.shrink(params)
    samples, spread = (1, 0.0) if scale < 1.05 else (math.ceil(scale), min(scale - 1.0, 1.0))
    for warp in CELLS:
        if warp.name in names and warp.cell is not None:
            cell = warp.cell(params) * height
            samples, spread = max(samples, 2 if cell < 4.0 else 3), max(spread, cell)
    return min(samples, MAX_SAMPLES), spread


class Geometry:
    """The samplers of every layer, and the resampling."""

    def __init__(self) -> None:
        self._samplers = Fitted(Sampler)

    def plan(
        self, params: Params, phases: Phases, names: frozenset[str], layer: int
    ) -> tuple[Sampling, Sequence[float]]:
        """Return how ``layer`` is sampled for the warps ``names``, and its numbers in the order of values.MATRIX."""
        whole = matrix(params, phases, names)
        samples, spread = reach(params, names, whole, layer)
        return Sampling(samples, BORDERS[int(params["warp.border"])]), (*whole, spread / layer)

    def __call__(
        self, layer: int, how: Sampling, names: frozenset[str], x: Tensor, img: Tensor | None, k: Scalars
    ) -> tuple[Tensor, Tensor | None]:
        """Return the features and the RGB (None: not warped) resampled by the warps ``names``."""
        sampler = self._samplers(layer, "x", x)
        (u, v), (du, dv) = sampler.lattice(how.samples)
        for warp in CELLS:
            if warp.name in names:
                u, v = warp.bend((u, v), k)
        if how.samples > 1:
            u, v = u + du * k["spread"], v + dv * k["spread"]
        for warp in BENDS:
            if warp.name in names:
                u, v = warp.bend((u, v), k)
        if not _MATRIX_NAMES.isdisjoint(names):
            u, v = u * k["a"] + v * k["b"] + k["c"], u * k["d"] + v * k["e"] + k["f"]
        taps = sampler.taps((u, v), how.border)
        return gather(x, *taps), None if img is None else gather(img, *taps)
