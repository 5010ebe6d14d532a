"""Shear: the map is slanted."""

from __future__ import annotations

import math

from engine.borders.params import Param, Params
from engine.generator.warps.warp import Affine, Matrix, Phases, layer

LEAST_AREA = 0.05  # of the map's own; x * y = 1 would squeeze the picture into a line


def is_on(params: Params, phases: Phases) -> bool:
    """Return whether the map is slanted either way."""
    return params["shear.x"] != 0.0 or params["shear.y"] != 0.0


def back(params: Params, phases: Phases) -> Matrix:
    """Return what sets it upright."""
    x, y = params["shear.x"], params["shear.y"]
    area = 1.0 - x * y
    area = math.copysign(max(abs(area), LEAST_AREA), area)
    return 1.0 / area, -x / area, 0.0, -y / area, 1.0 / area, 0.0


SHEAR = Affine(
    name="shear",
    rows=(
        layer("shear", "block that is slanted"),
        Param("shear.x", 0.0, -2.0, 2.0, "", "shift to the right per height"),
        Param("shear.y", 0.0, -2.0, 2.0, "", "shift down per height of width"),
    ),
    switch=is_on,
    example={"shear.x": 0.05},
    back=back,
)
