"""Soft takeover: after a change of preset a knob does not act until it has met the value it finds.

Pick-up waits until the knob crosses that value, the ghost. Scaled lets the ghost travel the rest of
its way while the knob travels the rest of its own, so both arrive at the end together. An encoder has no place of its
own: it moves the parameter from where that stands, and never waits.
"""

from __future__ import annotations

from engine.borders.options import TAKEOVERS

NEAR = 1.5 / 127  # of the knob's way; this near it has met the ghost, as a 7-bit knob can hop over the exact value


class Takeover:
    """One knob on one parameter. Positions are 0..1."""

    __slots__ = ("_knob", "_turned", "acting", "ghost", "mode", "stands")

    def __init__(self, mode: str = TAKEOVERS[0]) -> None:
        """``mode`` is one of TAKEOVERS; jump never waits."""
        self.mode = mode
        self.ghost: float | None = None  # where the parameter stands while the knob waits
        self.acting = True  # the knob moves the parameter: it was picked up, or is scaled and was turned
        self.stands: float | None = None  # where the parameter was put last; None: not known
        self._knob: float | None = None
        self._turned = 0.0  # how far the encoder was turned in all

    def arm(self, ghost: float, knob: float | None, turned: float | None = None) -> None:
        """Wait for the knob, now at ``knob`` (None: unknown), to meet ``ghost``.

        ``turned`` is how far an encoder was turned in all until now, None for a knob. An encoder waits in no mode.
        """
        self._knob, self._turned = knob, turned or 0.0
        self.stands = ghost = min(max(ghost, 0.0), 1.0)
        met = knob is not None and abs(knob - ghost) <= 1e-6
        self.ghost = None if turned is None and (met or self.mode == "jump") else ghost
        self.acting = self.ghost is None

    @property
    def knob(self) -> float | None:
        """Return where the knob was last; None while that is not known."""
        return self._knob

    def stand(self, ghost: float | None, acting: bool, knob: float | None, turned: float = 0.0) -> None:
        """Take up where another takeover stood."""
        self.ghost, self.acting, self._knob, self._turned = ghost, acting, knob, turned
        self.stands = knob if ghost is None else ghost

    def turn(self, turned: float, knob: float) -> float:
        """Return the position to act on for an encoder that was turned by ``turned`` in all and is at ``knob``.

        It must have been armed before.
        """
        by, self._turned = turned - self._turned, turned
        if by == 0.0 and self._knob is not None:
            return self(knob)
        self._knob, self.acting = knob, True
        self.stands = self.ghost = min(max((self.stands or 0.0) + by, 0.0), 1.0)
        return self.ghost

    def __call__(self, knob: float) -> float:
        """Return the position to act on for the knob at ``knob``."""
        self.stands = self._meet(knob)
        return self.stands

    def _meet(self, knob: float) -> float:
        last, self._knob = self._knob, knob
        ghost = self.ghost
        if ghost is None or last == knob:
            return knob if ghost is None else ghost
        if self.mode == "scaled" and last is not None:
            ghost, self.acting = _travel(ghost, last, knob), True
        met = abs(knob - ghost) <= NEAR or (last is not None and (last - ghost) * (knob - ghost) <= 0.0)
        if met:
            # In one move the knob may land well past the ghost; from here on it leads.
            self.ghost, self.acting = None, True
            return knob
        self.ghost = ghost
        return ghost


def _travel(ghost: float, last: float, knob: float) -> float:
    """Return the ghost after the knob went from ``last`` to ``knob``: the same share of the way left."""
    if knob > last:
        return 1.0 - (1.0 - ghost) * (1.0 - knob) / (1.0 - last)
    return ghost * knob / last
