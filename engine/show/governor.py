"""The governor: one render size down when frames keep coming late, one up when there has long been room.

A pure function of what frames took: no clock, no random number, nothing of the generator. Only live shows and
rehearsals have one; renders, benches and replays take as long as they take.

Frames are judged by the second. Down comes fast, after a few seconds of mostly late frames; up comes slowly, only
when the size above is expected to fit with room to spare, and after an up that did not hold the wait doubles: it
cannot go to and fro.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

LATE = 1.15  # of the budget; a frame whose work took more is late
MOSTLY = 0.6  # of a second's frames; with more late frames the second counts as late
ROOM = 0.8  # of the budget; the size above is tried when it is expected to take no more
DOWN_AFTER = 2  # seconds; after this many late ones in a row the size goes down
UP_AFTER = 8  # seconds with room in a row before the size goes up; doubles when the size above did not hold
LONGEST = 300  # seconds; UP_AFTER doubles no further
REGRET = 30.0  # seconds after a step up; a step down within them doubles the wait
FEWEST = 4  # frames; a judgement needs this many, however slowly they come
WORTH = 0.3  # of a frame's work; where the generator takes less, a smaller picture would not help


@dataclass(frozen=True, slots=True)
class Timing:
    """What one frame took, in seconds: ``passed`` since the one before, ``generator`` and ``other`` work in it."""

    passed: float
    generator: float
    other: float

    @property
    def work(self) -> float:
        """The whole frame's work."""
        return self.generator + self.other


class Governor:
    """Takes every frame's `Timing`; answers the size to render from now on, or None to leave it."""

    def __init__(
        self, sizes: Sequence[int], budget: float, cost: Callable[[int], float] = lambda size: float(size**2)
    ) -> None:
        """``sizes`` ascending, the last the one wanted; ``budget`` seconds a frame; ``cost`` a size's relative work."""
        self.sizes, self.budget, self._cost = tuple(sizes), budget, cost
        self.size = self.sizes[-1]
        self._time = 0.0  # seconds of frames seen
        self._second: list[Timing] = []
        self._bad = self._good = 0  # seconds in a row
        self._up_after = UP_AFTER
        self._climbed: float | None = None  # when it last went up

    def limit(self, size: int) -> None:
        """Somebody else chose ``size``: it is the largest to come back to from now on."""
        self.sizes = (*(each for each in self.sizes if each < size), size)
        self._settle(size)

    def __call__(self, timing: Timing) -> int | None:
        """Note a frame; return another size when it is time for one."""
        self._time += timing.passed
        self._second.append(timing)
        if len(self._second) < FEWEST or sum(each.passed for each in self._second) < 1.0:
            return None
        frames, self._second = self._second, []
        self._bad = self._bad + 1 if self._falls_short(frames) else 0
        self._good = self._good + 1 if self._has_room(frames) else 0
        if self._bad >= DOWN_AFTER:
            return self._step_down()
        return self._step_up() if self._good >= self._up_after else None

    def _falls_short(self, frames: list[Timing]) -> bool:
        if self.size == self.sizes[0]:
            return False
        late = sum(each.work > LATE * self.budget for each in frames)
        worth = sum(f.generator for f in frames) >= WORTH * sum(f.work for f in frames)
        return worth and late >= MOSTLY * len(frames)

    def _has_room(self, frames: list[Timing]) -> bool:
        if self.size == self.sizes[-1]:
            return False
        above = self.sizes[self.sizes.index(self.size) + 1]
        ratio = self._cost(above) / self._cost(self.size)
        fitting = sum(each.generator * ratio + each.other <= ROOM * self.budget for each in frames)
        return fitting >= 0.9 * len(frames)

    def _step_down(self) -> int:
        if self._climbed is not None and self._time - self._climbed < REGRET:
            self._up_after = min(2 * self._up_after, LONGEST)
        self._climbed = None
        return self._settle(self.sizes[self.sizes.index(self.size) - 1])

    def _step_up(self) -> int:
        self._climbed = self._time
        return self._settle(self.sizes[self.sizes.index(self.size) + 1])

    def _settle(self, size: int) -> int:
        self.size, self._second = size, []
        self._bad = self._good = 0
        return size
