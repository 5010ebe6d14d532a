"""Slit-scan: each slit of the picture shows another moment of the recent past, here of a feature map."""

from __future__ import annotations

from engine.borders.params import Param, Params
from engine.generator.warps.state import Setup, State
from engine.generator.warps.warp import MapWarp, Phases, layer


def scalars(params: Params, phases: Phases) -> dict[str, float]:
    """Return how many seconds back the last slit looks."""
    return {"slitscan.depth": params["slitscan.strength"] * params["slitscan.seconds"]}


def state(setup: Setup) -> State:
    """Return the past, with nothing in it."""
    from engine.generator.warps.ring import Past

    return Past(setup)


SLITSCAN = MapWarp(
    name="slitscan",
    rows=(
        layer("slitscan", "block whose past is scanned"),
        Param("slitscan.strength", 0.0, 0.0, 1.0, "", "how far back the slits look, as a share of seconds"),
        Param("slitscan.seconds", 2.0, 0.05, 8.0, "s", "how far back the last slit looks at full strength"),
        Param("slitscan.axis", 0.0, 0.0, 3.0, "", "slits are 0 rows, 1 columns, 2 rings, 3 a cloud", whole=True),
    ),
    switch="slitscan.strength",
    example={"slitscan.strength": 1.0},
    scalars=scalars,
    lingers="slitscan.seconds",  # it records on while music takes the strength to 0, and finds a past afterwards
    state=state,
)
