"""Which warps a preset can switch on: those that its values use, and those that its routes move."""

from __future__ import annotations

from engine.borders.params import Params, Table
from engine.borders.preset import Preset
from engine.generator.warps.host import Motion, switched_on
from engine.generator.warps.order import WARPS

_NAMES = frozenset(warp.name for warp in WARPS)


def reached(preset: Preset, table: Table) -> frozenset[str]:
    """Return the warps that ``preset`` can switch on, without what a hand learns or sets in the show."""
    values = Params({name: value for name, value in preset.params.items() if name in table}, table)
    moved = {route.target.partition(".")[::2] for route in preset.routes}
    routed = {name for name, row in moved if name in _NAMES and row != "layer"}
    return switched_on(values, Motion().phases).union(routed)
