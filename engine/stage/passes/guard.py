"""The photosensitivity guard: no more than three large flashes a second reach the wall (WCAG 2.3.1).

A flash is a pair of opposing changes of relative luminance by a tenth or more with the darker side below 0.8, or of
saturated red. It is large where it covers a quarter of a third-by-third part of the picture, which is what 10 degrees
of a viewer's sight may be. After the third large flash within a second the picture is let through only slowly, until
the picture behind the guard has kept still for a second.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

import moderngl
import numpy as np
from numpy.typing import NDArray

from engine.borders.errors import UnseenPast
from engine.stage.passes.canvas import Box, Canvas, Pair, Size, in_software
from engine.stage.passes.passes import NOWHERE, UNITS, Passes

GUARD_OFF = "flash guard off"  # what stays written while there is no guard
GUARD_WARNING = "the flash guard is off: large flashes can trigger seizures"
THUMB = (192, 108)  # pixels; size of the picture that is judged
LEVEL = 3  # the mipmap that is measured; its cells of 8 pixels even grain and fine patterns out
UNSURE = 2  # changes; the most by which a count can be wrong that begins in the middle
CHANGES = 6  # opposing changes, that is three flashes; a cell may have fewer in a second
SECOND = 1.0  # seconds; the time in which changes are counted
DARK = 0.8  # relative luminance; a change counts only if its darker side is below
RED_SHARE = 0.8  # of a cell's light; saturated red has more
STEPS = np.array([0.1, 20.0], np.float32)[:, None, None]  # of luminance and redness; a change counts only if larger
BELOW = np.array([DARK, np.inf], np.float32)[:, None, None]
AREA = 0.25  # of a part, a third of the picture wide and high; a large flash covers more
HALF_LIFE = 0.7  # seconds; half-life of the shown picture's weight; 3.5 full flashes a second become changes of 0.07
RELEASE = 0.5  # seconds in which the picture comes back
MEMORY = SECOND + RELEASE  # seconds; pictures that decide whether a picture among calm ones is held back


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


class Flashes:
    """Says whether a sequence of small pictures flashes too often. Knows no OpenGL."""

    def __init__(self) -> None:
        self._zigzag: Zigzag | None = None
        self._past: deque[tuple[float, NDArray[np.bool_]]] = deque()  # the changes of the last second
        self._count: NDArray[np.int64] = np.zeros(0, np.int64)  # their sum, in every cell
        self._unseen: deque[float] = deque()  # times of the pictures of the last second that went by unseen
        self._since: list[NDArray[np.float64]] = []  # of every cell: when it changed first and second after these
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
            self._since = [np.full(seen.shape, np.inf) for _ in range(2)]
        turned = self._zigzag.see(seen)
        self._past.append((time, turned))
        self._count += turned
        while time - self._past[0][0] >= SECOND:
            self._count -= self._past.popleft()[1]
        if self.incomplete:
            self._weigh(turned, time)
        return _too_many(self._count)

    def _weigh(self, turned: NDArray[np.bool_], time: float) -> None:
        """Find ``may`` and ``must``.

        Two zigzags of one sequence that began in different states are the same from the second change of either on,
        and have counted two changes more or less by then. What went by unseen can have had a change a picture.
        """
        first, second = self._since
        second[turned & (first < np.inf) & (second == np.inf)] = time
        first[turned & (first == np.inf)] = time
        while self._unseen and time - self._unseen[0] >= SECOND:
            self._unseen.popleft()
        slack = np.where(time - second >= SECOND, 0, UNSURE)
        self.may = _too_many(self._count + slack + len(self._unseen))
        self.must = _too_many(self._count - slack)


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


class Guard:
    """Stands between the last pass and the window. It judges the previous picture, so the show never waits.

    A picture is drawn small after it was presented (``look``). Where the processor draws, it is read at once, while
    the show waits for the next frame. From a GPU it is read when that frame begins (``judge``): whatever was started
    before a read is waited for, and then the generator has not been started yet.

    ``holding`` says whether the picture is held back now.
    """

    def __init__(self, ctx: moderngl.Context, library: Passes, on: bool = True) -> None:
        """``on`` False lets every picture through: the performer knows the audience."""
        self._ctx, self._library, self.on = ctx, library, on
        self._flashes = Flashes()
        self._thumb: Canvas | None = None
        self._in_software = in_software(ctx)
        self._drawn_at = 0.0
        self._unseen = self._too_many = self.holding = False
        self._memory = Pair(ctx, "f4")
        self._candidate = Pair(ctx)
        self._strength = 0.0
        self._sure, self._may = True, 0.0  # after unseen pictures: whether the state is certain, and the most it may be
        self._certain_from = math.inf  # seconds; from then on nothing may be uncertain
        for shader in ("lib/guard", "lib/copy"):
            library.load(shader)

    def begin(self, time: float, dt: float) -> None:
        """Judge the previous picture, and decide about this one."""
        if not self.on:
            return
        self.judge()
        self._strength = 1.0 if self._too_many else max(0.0, self._strength - dt / RELEASE)
        if self._flashes.incomplete:
            self._weigh(dt)
            if not self._sure and time >= self._certain_from:
                raise UnseenPast("the flash guard cannot know what it would have done")
        was, self.holding = self.holding, self._strength > 0.0
        if was and not self.holding:
            self._memory.release()
        self._drawn_at = time

    def _weigh(self, dt: float) -> None:
        """Find out whether the guard is in the state in which it would be had it seen every picture."""
        may, must = self._flashes.may, self._flashes.must
        if may != must:
            self._sure = False
        self._may = 1.0 if may else max(0.0, self._may - dt / RELEASE)
        if self._may <= 0.0:
            self._sure = True  # nothing is held back, whatever was before

    def certain_from(self, time: float) -> None:
        """Raise UnseenPast where a picture from ``time`` on could depend on pictures that went by unseen."""
        self._certain_from = time

    def pass_by(self, time: float) -> None:
        """Let a picture go by unseen."""
        if not self.on:
            return
        self._flashes.pass_by(time)
        self._unseen = self._too_many = self.holding = self._sure = False
        self._strength, self._may = 0.0, 1.0
        self._memory.release()

    def judge(self) -> None:
        """Judge the picture that was looked at last, if it has not been."""
        if self.on and self._unseen:
            self._see()

    def _see(self) -> None:
        """Judge the small picture that was drawn last."""
        assert self._thumb is not None
        self._unseen = False
        size = self._thumb.texture.size
        raw = np.frombuffer(self._thumb.texture.read(level=LEVEL), np.uint8)
        cells = raw.reshape(size[1] >> LEVEL, size[0] >> LEVEL, 4)
        self._too_many = self._flashes.see(cells, self._drawn_at)

    def candidate(self, size: Size) -> moderngl.Framebuffer:
        """Return the framebuffer for the last pass while the picture is held back."""
        return self._candidate.next(size).framebuffer

    def let_through(self, target: moderngl.Framebuffer, area: Box, dt: float) -> None:
        """Mix the candidate with what was shown. The first time, what was shown is the small picture."""
        size = area[2:]
        fresh = not self._memory.both or self._memory.both[0].texture.size != size
        assert self._thumb is not None
        if fresh:
            self._thumb.texture.build_mipmaps()  # a window smaller than the picture has the levels past LEVEL as well
        before = self._thumb.texture if fresh else self._memory.both[0].texture
        before.use(UNITS["last"])
        self._candidate.both[0].texture.use(UNITS["previous"])
        memory = self._memory.next(size)
        self._draw("lib/guard", memory.framebuffer, (0, 0, *size), dt / (HALF_LIFE * self._strength))
        memory.texture.use(UNITS["previous"])
        self._draw("lib/copy", target, area, 0.0)

    def look(self, again: Callable[[moderngl.Framebuffer, Box], None]) -> None:
        """Draw the last pass ``again``, small, for the guard to look at."""
        if not self.on:
            return
        if self._thumb is None:
            self._thumb = Canvas.make(self._ctx, THUMB, "f1")
            self._thumb.texture.build_mipmaps()
        again(self._thumb.framebuffer, (0, 0, *THUMB))
        self._thumb.texture.build_mipmaps(max_level=LEVEL)
        self._unseen = True
        if self._in_software:
            self._see()

    def _draw(self, name: str, target: moderngl.Framebuffer, area: Box, dt: float) -> None:
        target.use()
        self._ctx.viewport = area
        step = self._library.compiled[name, NOWHERE]
        if "dt" in step.names:
            step.program["dt"] = dt
        step.quad.render(moderngl.TRIANGLES, vertices=3)

    def release(self) -> None:
        """Give the textures back."""
        self._memory.release()
        self._candidate.release()
        if self._thumb is not None:
            self._thumb.release()
            self._thumb = None
