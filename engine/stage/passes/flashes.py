"""Whether a sequence of small pictures flashes too often: what the flash guard decides by. Knows no OpenGL."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.borders.made import Memory

CHANGES = 6  # opposing changes, that is three flashes; a cell may have fewer in a second
SECOND = 1.0  # seconds; the time in which changes are counted
RELEASE = 0.5  # seconds in which the picture comes back after too many
DARK = 0.8  # relative luminance; a change counts only if its darker side is below
RED_SHARE = 0.8  # of a cell's light; saturated red has more
STEPS = np.array([0.1, 20.0], np.float32)[:, None, None]  # of luminance and redness; a change counts only if larger
BELOW = np.array([DARK, np.inf], np.float32)[:, None, None]
AREA = 0.25  # of a part, a third of the picture wide and high; a large flash covers more


class Zigzag:
    """Counts opposing changes of luminance and of redness in every cell, fast or slow."""

    def __init__(self, first: NDArray[np.float32]) -> None:
        """``first`` is the first picture's, float32 [2, h, w]."""
        self._low, self._high = first.copy(), first.copy()
        self._rising = np.zeros(first.shape, np.int8)

    def see(self, value: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return the cells in which a change of direction has just become large enough to count."""
        np.minimum(self._low, value, out=self._low)
        np.maximum(self._high, value, out=self._high)
        up = (value - self._low >= STEPS) & (self._low < BELOW) & (self._rising <= 0)
        down = (self._high - value >= STEPS) & (value < BELOW) & (self._rising >= 0) & ~up
        self._rising[up], self._rising[down] = 1, -1
        turned = up | down
        self._low[turned] = value[turned]
        self._high[turned] = value[turned]
        # Going on the same way moves the far end, so that coming back is measured from there.
        self._low[self._rising > 0] = np.maximum(self._low, value)[self._rising > 0]
        self._high[self._rising < 0] = np.minimum(self._high, value)[self._rising < 0]
        return turned

    def memory(self) -> dict[str, NDArray[Any]]:
        """Return all that it knows."""
        return {"low": self._low, "high": self._high, "rising": self._rising}

    @classmethod
    def recalled(cls, memory: Memory) -> Zigzag:
        """Return one that knows what `memory` gave."""
        made = cls(memory["low"])
        made._high, made._rising = memory["high"].copy(), memory["rising"].copy()
        return made


class _Since:
    """How far the changes that a zigzag counts can be from those of one that began earlier, in every cell.

    From the first change of the one that began late on, both are in the same state. That change itself the earlier one
    may have counted before. And before it, the earlier one may have counted one change more: it knows lower or higher
    values, so its next change comes sooner, but only where a value is the lowest or the highest that was seen here. A
    second one would have been a change for the one that began late, too.
    """

    def __init__(self, first: NDArray[np.float32]) -> None:
        """``first`` is the first picture's, float32 [2, h, w]."""
        self._least, self._most = np.full_like(first, np.inf), np.full_like(first, -np.inf)
        self._changed = np.full(first.shape, np.inf)  # seconds; the first change
        self._extra = np.full(first.shape, -np.inf)  # seconds; when the earlier one may have counted one more, at last

    def see(self, value: NDArray[np.float32], turned: NDArray[np.bool_], time: float) -> None:
        """Take a picture, and the cells that changed with it."""
        same = self._changed == np.inf
        self._changed[same & turned] = time
        self._extra[same & ~turned & ((value < self._least) | (value > self._most))] = time
        np.minimum(self._least, value, out=self._least)
        np.maximum(self._most, value, out=self._most)

    def more(self, time: float) -> NDArray[np.bool_]:
        """Return by how many changes of the last second, at most, the earlier one is ahead."""
        return time - self._extra < SECOND

    def less(self, time: float) -> NDArray[np.bool_]:
        """Return by how many changes of the last second, at most, the earlier one is behind."""
        return (self._changed <= time) & (time - self._changed < SECOND)

    def memory(self) -> dict[str, NDArray[Any]]:
        """Return all that it knows."""
        return {"least": self._least, "most": self._most, "changed": self._changed, "extra": self._extra}

    @classmethod
    def recalled(cls, memory: Memory) -> _Since:
        """Return one that knows what `memory` gave."""
        made = cls(memory["least"])
        made._least, made._most = memory["least"].copy(), memory["most"].copy()
        made._changed, made._extra = memory["changed"].copy(), memory["extra"].copy()
        return made


class Flashes:
    """Says whether a sequence of small pictures flashes too often. Knows no OpenGL."""

    def __init__(self) -> None:
        self._zigzag: Zigzag | None = None
        self._past: deque[tuple[float, NDArray[np.bool_]]] = deque()  # the changes of the last second
        self._count: NDArray[np.int64] = np.zeros(0, np.int64)  # their sum, in every cell
        self._unseen: deque[float] = deque()  # times of the pictures of the last second that went by unseen
        self._since = _Since(np.zeros((2, 0, 0), np.float32))
        self.incomplete = False  # whether pictures went by unseen
        self.may = self.must = False  # then: whether the last answer could be, and whether it must be, that of all

    def pass_by(self, time: float) -> None:
        """Let a picture go by unseen: what the cells have been through is not known any more."""
        self.incomplete, self.may, self.must = True, True, False
        self._zigzag = None
        self._past.clear()
        if self._unseen and time < self._unseen[-1]:
            self._unseen.clear()
        self._unseen.append(time)
        while time - self._unseen[0] >= SECOND:
            self._unseen.popleft()

    def see(self, picture: NDArray[np.uint8], time: float) -> bool:
        """Look at ``picture``, uint8 sRGB [h, w, 3]; return whether the last second reached the limit."""
        coded = picture[..., :3].astype(np.float32) / 255.0
        linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
        first, rest = linear[..., 0], linear[..., 1] + linear[..., 2]
        seen = np.empty((2, *picture.shape[:2]), np.float32)
        seen[0] = linear @ np.array([0.2126, 0.7152, 0.0722])
        seen[1] = np.where(first >= RED_SHARE * (first + rest), np.maximum(first - rest, 0.0) * 320.0, 0.0)
        began_anew = bool(self._past) and time < self._past[-1][0]
        if self._zigzag is None or began_anew or self._count.shape != seen.shape:
            self._zigzag, self._count = Zigzag(seen), np.zeros(seen.shape, np.int64)
            self._past.clear()
            self._since = _Since(seen)
        turned = self._zigzag.see(seen)
        self._past.append((time, turned))
        self._count += turned
        while time - self._past[0][0] >= SECOND:
            self._count -= self._past.popleft()[1]
        if self.incomplete:
            self._since.see(seen, turned, time)
            self._weigh(time)
        return _too_many(self._count)

    def _weigh(self, time: float) -> None:
        """Find ``may`` and ``must``. What went by unseen can have had a change a picture."""
        while self._unseen and time - self._unseen[0] >= SECOND:
            self._unseen.popleft()
        self.may = _too_many(self._count + self._since.more(time) + len(self._unseen))
        self.must = _too_many(self._count - self._since.less(time))

    def memory(self) -> dict[str, NDArray[Any]]:
        """Return all that it has seen."""
        found: dict[str, NDArray[Any]] = {"count": self._count, "unseen": np.array(self._unseen, np.float64)}
        found["flags"] = np.array([self.incomplete, self.may, self.must])
        found["times"] = np.array([time for time, _ in self._past], np.float64)
        if self._past:
            found["turned"] = np.stack([turned for _, turned in self._past])
        found |= self._since.memory()
        if self._zigzag is not None:
            found |= self._zigzag.memory()
        return found

    def recall(self, memory: Memory) -> None:
        """Go on as one that has seen what ``memory`` says."""
        self._count = memory["count"].copy()
        self._unseen = deque(memory["unseen"].tolist())
        self.incomplete, self.may, self.must = memory["flags"].tolist()
        self._past = deque(zip(memory["times"].tolist(), memory.get("turned", ()), strict=True))
        self._since = _Since.recalled(memory)
        self._zigzag = Zigzag.recalled(memory) if "low" in memory else None


def _too_many(count: NDArray[np.int64]) -> bool:
    """Whether the changes [2, h, w], of luminance and of redness, reach the limit over a large area."""
    reached = count >= CHANGES
    return bool(reached.any()) and (_large(reached[0]) or _large(reached[1]))


def _large(cells: NDArray[np.bool_]) -> bool:
    """Whether ``cells`` cover a quarter of some third-by-third part of the picture."""
    height, width = (max(1, side // 3) for side in cells.shape)
    total = np.pad(cells.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    inside = total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    return bool(inside.max() >= AREA * height * width)
