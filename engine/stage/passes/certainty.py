"""Whether a guard that has not seen every picture does what it would do had it seen them, and from where on it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.borders.tick import Tick
from engine.stage.passes.flashes import RELEASE, SECOND, Flashes

Cells = list[NDArray[np.uint8]]

CALM = [np.zeros((3, 3, 3), np.uint8)]  # a picture like all others


@dataclass(slots=True)
class Certainty:
    """Whether the guard's state is ``sure``, and the most that its strength ``may`` be."""

    sure: bool = True
    may: float = 0.0

    def lose(self) -> None:
        """A picture went by unseen, or what it showed was not drawn."""
        self.sure, self.may = False, 1.0

    def step(self, flashes: Flashes, too_many: bool, dt: float) -> None:
        """Go on to the next picture; ``too_many`` is what was said of the last one."""
        may, must = (flashes.may, flashes.must) if flashes.incomplete else (too_many, too_many)
        if may != must:
            self.sure = False
        self.may = 1.0 if may else max(0.0, self.may - dt / RELEASE)
        if self.may <= 0.0:
            self.sure = True  # nothing is held back, whatever was before


@dataclass(slots=True)
class Foresight:
    """What a guard will need that begins late, by pictures of which some are known.

    ``seen`` are the cells of frames, by their number; those before the known ones are taken to be as lively, mirrored.
    """

    ticks: Sequence[Tick]
    seen: Mapping[int, Cells]

    def begin(self, first: int) -> int:
        """Return the last frame from which on a guard has to see them to be certain from frame ``first`` on."""
        reach = 1
        while reach < first and self.held(first - reach, first) is None:
            reach *= 2
        low, high = reach // 2, min(reach, first)  # frames before the first; too few, enough
        while high - low > 1:
            middle = (low + high) // 2
            if self.held(first - middle, first) is None:
                low = middle
            else:
                high = middle
        return first - high

    def held(self, begin: int, first: int) -> set[int] | None:
        """Return the frames from ``begin`` on that are held back, if the guard is certain from ``first`` on."""
        flashes, certainty, held = Flashes(), Certainty(), set[int]()
        past = begin
        while past and self.ticks[begin].time - self.ticks[past - 1].time < SECOND:
            past -= 1
        for tick in self.ticks[past:begin]:
            flashes.pass_by(tick.time)
            certainty.lose()
        strength, too_many = 0.0, False
        last = max(first, max(self.seen, default=0) + 1)
        for number in range(begin, min(last + 1, len(self.ticks))):
            tick = self.ticks[number]
            for turn, cells in enumerate(self._cells(number)):
                dt = 0.0 if turn else tick.dt
                strength = 1.0 if too_many else max(0.0, strength - dt / RELEASE)
                certainty.step(flashes, too_many, dt)
                if number >= first and not certainty.sure:
                    return None
                if strength > 0.0:
                    held.add(number)
                too_many = flashes.see(cells, tick.time)
        return held

    def _cells(self, number: int) -> Cells:
        if not self.seen:
            return CALM
        if number in self.seen:
            return self.seen[number]
        known = sorted(self.seen)
        mirrored = 2 * known[0] - number
        return self.seen.get(mirrored, self.seen[known[-1]])
