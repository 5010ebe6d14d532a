"""Rotate: the map is turned around its middle, by an angle or steadily."""

from __future__ import annotations

import math

from engine.borders.params import Param, Params
from engine.generator.warps.warp import Affine, Matrix, Phases, layer


def is_on(params: Params, phases: Phases) -> bool:
    """Return whether the map is turned by anything but whole turns."""
    return turns(params, phases) % 1.0 != 0.0


def back(params: Params, phases: Phases) -> Matrix:
    """Return the turn back; v points down."""
    angle = 2.0 * math.pi * turns(params, phases)
    c, s = math.cos(angle), math.sin(angle)
    return c, -s, 0.0, s, c, 0.0


def turns(params: Params, phases: Phases) -> float:
    """Return by how much the map is turned, counter-clockwise."""
    return params["rotate.turns"] + phases["rotate.speed"]


ROTATE = Affine(
    name="rotate",
    rows=(
        layer("rotate", "block that is turned"),
        Param("rotate.turns", 0.0, -16.0, 16.0, "turns", "angle, counter-clockwise"),
        Param("rotate.speed", 0.0, -4.0, 4.0, "turns/s", "keeps turning", rate=True),
    ),
    switch=is_on,
    example={"rotate.turns": 0.13},
    periods={"rotate.speed": 1.0},
    back=back,
)
