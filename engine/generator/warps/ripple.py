"""Ripple: rings are pushed in and out and run outwards: water, seen from above."""

from __future__ import annotations

import math

from engine.borders.params import Param, Params
from engine.generator.warps.warp import Bend, Coordinates, Phases, Scalars, layer

TAU = 2.0 * math.pi


def scalars(params: Params, phases: Phases) -> dict[str, float]:
    """Return the rings' amplitude in heights, their wavenumber in radians a height, and their phase in radians."""
    return {
        "ripple.amplitude": params["ripple.amplitude"],
        "ripple.wavenumber": TAU / params["ripple.wavelength"],
        "ripple.phase": TAU * phases["ripple.speed"],
    }


def bend(at: Coordinates, k: Scalars) -> Coordinates:
    """Push every place towards the middle or away from it."""
    u, v = at
    r = u.hypot(v)
    push = (r * k["ripple.wavenumber"] - k["ripple.phase"]).sin() * k["ripple.amplitude"]
    stretch = 1.0 + push / r.clamp(min=1e-6)
    return u * stretch, v * stretch


def shrink(params: Params) -> float:
    """Return the shrinking between two rings."""
    return 1.0 + math.pi * params["ripple.amplitude"] / params["ripple.wavelength"]


RIPPLE = Bend(
    name="ripple",
    rows=(
        layer("ripple", "block that is rippled"),
        Param("ripple.amplitude", 0.0, 0.0, 0.5, "heights", "how far rings are pushed in and out"),
        Param("ripple.wavelength", 0.25, 0.02, 2.0, "heights", "from ring to ring"),
        Param("ripple.speed", 1.0, -8.0, 8.0, "waves/s", "how fast rings run outwards", rate=True),
    ),
    switch="ripple.amplitude",
    example={"ripple.amplitude": 0.003},
    scalars=scalars,
    periods={"ripple.speed": 1.0},
    bend=bend,
    shrink=shrink,
)
