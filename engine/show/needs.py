"""Which frames before a stretch of a film are made so that the stretch is that of the whole film, and how far each."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from engine.borders.made import Made, Shown
from engine.borders.tick import Tick


def needed(
    ticks: Sequence[Tick], shown: Sequence[Shown], first: int, guarded: Collection[int], handed: int = 0
) -> list[Made]:
    """Return how far each frame before number ``first`` is made; ``ticks`` and ``shown`` are of all up to the last.

    What a frame shows of earlier ones is made there, and what these show in turn. The frames in ``guarded`` are drawn
    as well. With a memory of the first ``handed`` frames, none of these is painted or drawn.
    """
    upto = [-1.0] * len(ticks)  # places in the network; a frame is right below, where it is not made whole
    made = [Made.NOTHING] * first + [Made.DRAWN] * (len(ticks) - first)
    for n in guarded:
        if handed <= n < first:
            made[n] = Made.DRAWN
    at: dict[float, list[int]] = {}
    for n, tick in enumerate(ticks):
        at.setdefault(tick.time, []).append(n)  # two ticks can have one time: a player that stalls
    for n in reversed(range(len(ticks))):
        if made[n] > Made.GENERATED:
            upto[n] = math.inf
        for place, times in shown[n].generated.items():
            if place < upto[n]:
                for before in (each for time in times for each in at.get(time, ()) if each < n):
                    made[before] = max(made[before], Made.GENERATED)
                    upto[before] = max(upto[before], place)
        for stage, times in ((Made.PAINTED, shown[n].painted), (Made.DRAWN, shown[n].drawn)):
            if made[n] >= stage:
                for before in (each for time in times for each in at.get(time, ()) if handed <= each < n):
                    made[before] = max(made[before], stage)
    return made[:first]
