"""Translate: the map is moved, by a distance or steadily."""

from __future__ import annotations

from engine.borders.params import Param, Params
from engine.generator.warps.warp import Affine, Matrix, Phases, layer


def is_on(params: Params, phases: Phases) -> bool:
    """Return whether the map lies anywhere but at its place."""
    x, y = way(params, phases)
    return abs(x) + abs(y) != 0.0


def back(params: Params, phases: Phases) -> Matrix:
    """Return the way back."""
    x, y = way(params, phases)
    return 1.0, 0.0, -x, 0.0, 1.0, -y


def way(params: Params, phases: Phases) -> tuple[float, float]:
    """Return how far the map is moved to the right and down, in heights."""
    x = params["translate.x"] + phases["translate.speed_x"]
    return x, params["translate.y"] + phases["translate.speed_y"]


TRANSLATE = Affine(
    name="translate",
    rows=(
        layer("translate", "block that is moved"),
        Param("translate.x", 0.0, -4.0, 4.0, "heights", "to the right"),
        Param("translate.y", 0.0, -4.0, 4.0, "heights", "down"),
        Param("translate.speed_x", 0.0, -4.0, 4.0, "heights/s", "keeps moving to the right", rate=True),
        Param("translate.speed_y", 0.0, -4.0, 4.0, "heights/s", "keeps moving down", rate=True),
    ),
    switch=is_on,
    example={"translate.x": 0.13},
    periods={"translate.speed_y": 2.0},  # every border repeats after two heights; after how many to the right depends
    back=back,
)
