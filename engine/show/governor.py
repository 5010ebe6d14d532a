"""The governor: renders one size smaller when frames are late, one size larger when there is room.

Its decisions depend on the frames' timings only: no clock, no random number, no generator. Only live shows and
rehearsals have one.

Frames are judged by the second. It steps down after DOWN_AFTER late seconds. It steps up after UP_AFTER seconds with
room. A step up that fails doubles UP_AFTER.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

LATE = 1.15  # of the budget; a frame whose work took more is late
MOSTLY = 0.6  # of a second's frames; with more late frames the second counts as late
ROOM = 0.8  # of the budget; the size above is tried when it is expected to take no more
DOWN_AFTER = 2  # late seconds in a row before the size goes down
UP_AFTER = 8  # seconds with room in a row before the size goes up; doubles after a step up that fails
LONGEST = 300  # seconds; UP_AFTER doubles no further
REGRET = 30.0  # seconds after a step up; a step down within them doubles the wait
FEWEST = 4  # frames; a judgement needs this many, however slowly they come
WORTH = 0.3  # of a frame's work; where the generator takes less, a smaller picture would not help


@dataclass(frozen=True, slots=True)
class Timing:
    """A frame's seconds: ``passed`` since the previous frame, the ``generator``'s work, all ``other`` work."""

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
        """``sizes`` ascend; the last is the requested size. ``budget``: seconds a frame; ``cost``: relative work."""
        self.sizes, self.budget, self._cost = tuple(sizes), budget, cost
        self.size = self.sizes[-1]
        self._time = 0.0  # seconds of frames seen
        self._second: list[Timing] = []
        self._bad = self._good = 0  # seconds in a row
        self._up_after = UP_AFTER
        self._climbed: float | None = None  # seconds; time of the last step up

    def limit(self, size: int) -> None:
        """Take ``size``, which the performer or a lack of memory chose, as the largest from now on."""
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
