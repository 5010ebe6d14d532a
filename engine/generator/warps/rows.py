"""The parameter rows of all feature warps, readable without torch."""

from __future__ import annotations

from engine.borders.params import Param
from engine.generator.warps.order import WARPS

# The operator's window and MIDI learn step through rows in this order, not in that of the warps' application.
FIRST = ("slitscan", "freeze", "rotate")  # the warps whose rows are listed before all others

SHARED = (
    Param("warp.image", 1.0, 0.0, 1.0, "", "1 the RGB so far is warped too, 0 features only", whole=True),
    Param("warp.border", 1.0, 0.0, 2.0, "", "beyond the edge: 0 wrap, 1 mirror, 2 clamp", whole=True),
)


def _place(name: str) -> int:
    return FIRST.index(name) if name in FIRST else len(FIRST)


ROWS: tuple[Param, ...] = (
    *SHARED,
    *(row for warp in sorted(WARPS, key=lambda warp: _place(warp.name)) for row in warp.rows),
)
