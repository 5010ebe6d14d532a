"""Pixelate: all of a square cell shows what is around the cell's middle."""

from __future__ import annotations

from engine.borders.params import Param, Params
from engine.generator.warps.warp import Bend, Coordinates, Phases, Scalars, layer

WHOLE = 0.05  # strength from which places move all the way to the cell's middle; under it, a part of the way


def scalars(params: Params, phases: Phases) -> dict[str, float]:
    """Return the cells' height, and how far places move to the middle."""
    return {
        "pixelate.cell": max(cell(params), 1e-4),
        "pixelate.amount": min(params["pixelate.strength"] / WHOLE, 1.0),
    }


def bend(at: Coordinates, k: Scalars) -> Coordinates:
    """Move every place to the middle of its cell."""
    u, v = at
    side, amount = k["pixelate.cell"], k["pixelate.amount"]
    return (
        u + amount * (((u / side).floor() + 0.5) * side - u),
        v + amount * (((v / side).floor() + 0.5) * side - v),
    )


def cell(params: Params) -> float:
    """Return the cells' height, in picture heights."""
    return 0.25 * params["pixelate.strength"]


PIXELATE = Bend(
    name="pixelate",
    rows=(
        layer("pixelate", "block that is coarsened"),
        Param("pixelate.strength", 0.0, 0.0, 1.0, "", "1 cells of a quarter of the height"),
    ),
    switch="pixelate.strength",
    example={"pixelate.strength": 0.3},
    scalars=scalars,
    bend=bend,
    cell=cell,
)
