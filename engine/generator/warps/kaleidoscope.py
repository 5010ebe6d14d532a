"""Kaleidoscope: the plane is folded into one sector around the middle, by strength of the way."""

from __future__ import annotations

import math

from engine.borders.params import Param, Params
from engine.generator.warps.warp import Bend, Coordinates, Phases, Scalars, layer

TAU = 2.0 * math.pi


def scalars(params: Params, phases: Phases) -> dict[str, float]:
    """Return the strength, and a sector's width and the first mirror's angle in radians."""
    return {
        "kaleidoscope.strength": params["kaleidoscope.strength"],
        "kaleidoscope.sector": TAU / params["kaleidoscope.segments"],
        "kaleidoscope.angle": -TAU * params["kaleidoscope.turns"],
    }


def bend(at: Coordinates, k: Scalars) -> Coordinates:
    """Move every place towards its mirror image in the one sector."""
    u, v = at
    r, angle = u.hypot(v), v.atan2(u) - k["kaleidoscope.angle"]
    sector = k["kaleidoscope.sector"]
    angle = (angle - (angle / sector).round() * sector).abs() + k["kaleidoscope.angle"]
    strength = k["kaleidoscope.strength"]
    return u + strength * (r * angle.cos() - u), v + strength * (r * angle.sin() - v)


KALEIDOSCOPE = Bend(
    name="kaleidoscope",
    rows=(
        layer("kaleidoscope", "block that is mirrored"),
        Param("kaleidoscope.strength", 0.0, 0.0, 1.0, "", "0 as painted, 1 folded; between, folding"),
        Param("kaleidoscope.segments", 1.0, 1.0, 24.0, "", "mirrors around the middle; 1 a single one", whole=True),
        Param("kaleidoscope.turns", 0.25, -16.0, 16.0, "turns", "angle of the first mirror: 0.25 right over left"),
    ),
    switch="kaleidoscope.strength",
    example={"kaleidoscope.strength": 1.0, "kaleidoscope.segments": 6.0},
    scalars=scalars,
    bend=bend,
)
