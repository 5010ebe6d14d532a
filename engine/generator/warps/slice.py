"""Slice: the map is cut into bands, and every other band is moved the other way along its length."""

from __future__ import annotations

import math

from engine.borders.params import Param, Params
from engine.generator.warps.warp import Bend, Coordinates, Phases, Scalars, layer


def scalars(params: Params, phases: Phases) -> dict[str, float]:
    """Return the bands' offset in heights, their count, place and direction."""
    angle = 2.0 * math.pi * params["slice.turns"]
    return {
        "slice.offset": params["slice.offset"],
        "slice.count": params["slice.count"],
        "slice.phase": params["slice.phase"] + phases["slice.speed"],
        "slice.cos": math.cos(angle),
        "slice.sin": -math.sin(angle),  # counter-clockwise, and v points down
    }


def bend(at: Coordinates, k: Scalars) -> Coordinates:
    """Move every place along the band that it lies in."""
    u, v = at
    band = ((v * k["slice.cos"] - u * k["slice.sin"]) * k["slice.count"] + k["slice.phase"]).floor()
    shift = (band.remainder(2.0) * 2.0 - 1.0) * k["slice.offset"]
    return u + shift * k["slice.cos"], v + shift * k["slice.sin"]


SLICE = Bend(
    name="slice",
    rows=(
        layer("slice", "block that is cut into bands"),
        Param("slice.offset", 0.0, -2.0, 2.0, "heights", "neighbouring bands move apart by twice this"),
        Param("slice.count", 8.0, 1.0, 128.0, "", "bands in a height"),
        Param("slice.phase", 0.0, -64.0, 64.0, "bands", "where the first cut is"),
        Param("slice.speed", 0.0, -8.0, 8.0, "bands/s", "cuts keep moving", rate=True),
        Param("slice.turns", 0.0, -1.0, 1.0, "turns", "direction: 0 horizontal bands, 0.25 vertical"),
    ),
    switch="slice.offset",
    example={"slice.offset": 0.1},
    scalars=scalars,
    periods={"slice.speed": 2.0},  # the third band moves as the first does
    bend=bend,
)
