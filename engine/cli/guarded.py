"""Which frames before a stretch of a film are drawn for the flash guard alone, so that it is where it would be."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.borders.made import Seen
from engine.borders.tick import Tick
from engine.stage.passes.certainty import Foresight

LIVELY = 1.5  # seconds; by less, a guard is certain of most pictures that jump with the beat and do not flash
SOON = 1e-9  # seconds; a difference of two ticks may miss a limit by this rounding error


@dataclass(slots=True)
class Guarded:
    """The frames from ``begin`` on that the guard sees; what it saw in one try it need not see drawn in the next."""

    ticks: Sequence[Tick]
    first: int  # of the stretch
    begin: int
    seen: Seen = field(default_factory=dict)
    tries: int = 0

    @classmethod
    def of(cls, ticks: Sequence[Tick], first: int, on: bool) -> Guarded:
        """Return what a guard must see where nothing flashes, and those within LIVELY; none where it is not ``on``."""
        if not on:
            return cls(ticks, first, first)
        lively = bisect_right(ticks, ticks[first].time - LIVELY + SOON, hi=first, key=lambda tick: tick.time)
        return cls(ticks, first, min(lively, Foresight(ticks, {}).begin(first)))

    def further(self) -> None:
        """Begin further back: where what was seen says, and the further the more often that was not enough."""
        enough = Foresight(self.ticks, self._known()).begin(self.first)
        self.begin = max(0, min(enough, self.begin - 1) - (2**self.tries - 1))
        self.tries += 1

    def drawn(self) -> list[int]:
        """Return the numbers of the frames to draw: what is not known, and what the guard holds back or mixes from."""
        known = self._known()
        held = Foresight(self.ticks, known).held(self.begin, self.first) if known else set()
        if held is None:
            return [*range(self.begin, self.first)]
        return [n for n in range(self.begin, self.first) if n not in known or n in held or n + 1 in held]

    def _known(self) -> Seen:
        found = ((n, self.seen.get(tick.index)) for n, tick in enumerate(self.ticks))
        return {n: cells for n, cells in found if cells is not None}
