"""Zoom: the map is scaled around its middle."""

from __future__ import annotations

from engine.borders.params import Param, Params
from engine.generator.warps.warp import Affine, Matrix, Phases, layer


def back(params: Params, phases: Phases) -> Matrix:
    """Return the scaling back."""
    scale = 2.0 ** -params["zoom.octaves"]
    return scale, 0.0, 0.0, 0.0, scale, 0.0


ZOOM = Affine(
    name="zoom",
    rows=(
        layer("zoom", "block that is scaled"),
        Param("zoom.octaves", 0.0, -3.0, 4.0, "octaves", "1 twice as large, -1 half"),
    ),
    switch="zoom.octaves",
    example={"zoom.octaves": 0.4},
    back=back,
)
