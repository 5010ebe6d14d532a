"""What the host works out for the warps once a frame: what has moved, what is on, and the numbers of all layers."""

from __future__ import annotations

from collections.abc import Iterable

from engine.borders.params import Params
from engine.generator.warps.order import WARPS
from engine.generator.warps.state import State
from engine.generator.warps.warp import Phases

_RATES = tuple((row.name, warp.periods.get(row.name)) for warp in WARPS for row in warp.rows if row.rate)
_KNOBS = tuple((warp.name, warp.switch) for warp in WARPS if isinstance(warp.switch, str))
_ASKED = tuple((warp.name, warp.switch) for warp in WARPS if not isinstance(warp.switch, str))


class Motion:
    """What goes on by itself: turning, moving, rings running outwards. Seconds in, never frames."""

    def __init__(self) -> None:
        self._phases = {name: 0.0 for name, _ in _RATES}
        self.phases: Phases = self._phases  # by name of a rate row: how far it has led, in the row's unit x seconds

    def advance(self, params: Params, dt: float) -> None:
        """Go on for ``dt`` seconds at the speeds of this frame."""
        phases = self._phases
        for name, period in _RATES:
            way = phases[name] + params[name] * dt
            phases[name] = way if period is None else way % period


def switched_on(params: Params, phases: Phases) -> frozenset[str]:
    """Return the names of the warps that change anything with these values."""
    on = [name for name, row in _KNOBS if params[row] != 0.0]
    return frozenset([*on, *(name for name, is_on in _ASKED if is_on(params, phases))])


def shared_scalars(params: Params, phases: Phases, states: Iterable[State]) -> dict[str, float]:
    """Return the numbers that all layers share, with every cos and sin already taken; the same names in every frame."""
    numbers: dict[str, float] = {}
    for warp in WARPS:
        numbers.update(warp.scalars(params, phases))
    for state in states:
        numbers.update(state.scalars)
    return numbers
