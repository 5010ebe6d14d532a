"""Swirl: the middle is turned, less and less out to a radius."""

from __future__ import annotations

import math

from engine.borders.params import Param, Params
from engine.generator.warps.warp import Bend, Coordinates, Phases, Scalars, layer


def scalars(params: Params, phases: Phases) -> dict[str, float]:
    """Return the radius in heights, and the angle in the middle in radians."""
    return {"swirl.radius": params["swirl.radius"], "swirl.angle": 2.0 * math.pi * params["swirl.turns"]}


def bend(at: Coordinates, k: Scalars) -> Coordinates:
    """Turn every place by its share of the angle."""
    u, v = at
    inside = (1.0 - u.hypot(v) / k["swirl.radius"]).clamp(min=0.0)
    angle = inside * inside * k["swirl.angle"]
    c, s = angle.cos(), angle.sin()
    return c * u - s * v, s * u + c * v


def shrink(params: Params) -> float:
    """Return the shrinking at the steepest slope of (1 - r)^2, half way out."""
    return 1.0 + 2.0 * math.pi * abs(params["swirl.turns"]) * 0.3


SWIRL = Bend(
    name="swirl",
    rows=(
        layer("swirl", "block that is stirred"),
        Param("swirl.turns", 0.0, -4.0, 4.0, "turns", "angle in the middle, none at the radius"),
        Param("swirl.radius", 0.7, 0.05, 2.0, "heights", "where it ends"),
    ),
    switch="swirl.turns",
    example={"swirl.turns": 0.02},
    scalars=scalars,
    bend=bend,
    shrink=shrink,
)
