"""The photosensitivity guard: no more than three large flashes a second reach the wall (WCAG 2.3.1).

A flash is a pair of opposing changes of relative luminance by a tenth or more with the darker side below
0.8, or of saturated red; it is large where it covers a quarter of a third-by-third part of the picture,
which is what 10 degrees of somebody's sight may be. After the third one within a second the picture is
let through only slowly, until what would have been shown has kept still for a second.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import moderngl
import numpy as np
from numpy.typing import NDArray

from engine.stage.passes.canvas import Box, Canvas, Pair, Size, in_software
from engine.stage.passes.passes import UNITS, Passes

THUMB = (192, 108)  # pixels of the picture that is looked at
LEVEL = 3  # its mipmap that is measured: cells of 8 pixels, in which grain and fine patterns even out
CHANGES = 6  # three flashes
SECOND = 1.0
LUMINANCE_STEP, DARK = 0.1, 0.8
RED_STEP, RED_SHARE = 20.0, 0.8
AREA = 0.25  # of a window a third of the picture wide and high
HALF_LIFE = 0.7  # s: 3.5 full flashes a second become changes of 0.07
RELEASE = 0.5  # s, in which the picture comes back


class Zigzag:
    """Counts opposing changes of at least ``step`` in every cell, whatever steps they are made of."""

    def __init__(self, step: float, below: float) -> None:
        """A change counts where its lower side is under ``below``."""
        self._step, self._below = step, below
        self._low: NDArray[np.float32] | None = None
        self._high: NDArray[np.float32] = np.zeros(0, np.float32)
        self._rising: NDArray[np.int8] = np.zeros(0, np.int8)

    def see(self, value: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return the cells in which a change of direction has just become one that counts."""
        if self._low is None or self._low.shape != value.shape:
            self._low, self._high = value.copy(), value.copy()
            self._rising = np.zeros(value.shape, np.int8)
        np.minimum(self._low, value, out=self._low)
        np.maximum(self._high, value, out=self._high)
        up = (value - self._low >= self._step) & (self._low < self._below) & (self._rising <= 0)
        down = (self._high - value >= self._step) & (value < self._below) & (self._rising >= 0) & ~up
        self._rising[up], self._rising[down] = 1, -1
        turned = up | down
        self._low[turned] = value[turned]
        self._high[turned] = value[turned]
        # Going on the same way moves the far end, so that coming back is measured from there.
        self._low[self._rising > 0] = np.maximum(self._low, value)[self._rising > 0]
        self._high[self._rising < 0] = np.minimum(self._high, value)[self._rising < 0]
        return turned


class Flashes:
    """Says whether pictures, small ones, flash too often. Knows no GL."""

    def __init__(self) -> None:
        self._light, self._red = Zigzag(LUMINANCE_STEP, DARK), Zigzag(RED_STEP, np.inf)
        self._past: deque[tuple[float, NDArray[np.bool_], NDArray[np.bool_]]] = deque()

    def see(self, picture: NDArray[np.uint8], time: float) -> bool:
        """Look at ``picture``, uint8 sRGB [h, w, 3]; return whether the last second has had its flashes."""
        if self._past and time < self._past[-1][0]:
            self.__init__()  # type: ignore[misc]  # the show began anew
        coded = picture[..., :3].astype(np.float32) / 255.0
        linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
        luminance = (linear @ np.array([0.2126, 0.7152, 0.0722])).astype(np.float32)
        first, rest = linear[..., 0], linear[..., 1] + linear[..., 2]
        redness = np.where(first >= RED_SHARE * (first + rest), np.maximum(first - rest, 0.0) * 320.0, 0.0)
        self._past.append((time, self._light.see(luminance), self._red.see(redness.astype(np.float32))))
        while time - self._past[0][0] >= SECOND:
            self._past.popleft()
        bright = np.sum([light for _, light, _ in self._past], axis=0)
        reddish = np.sum([red for _, _, red in self._past], axis=0)
        return _large(bright >= CHANGES) or _large(reddish >= CHANGES)


def _large(cells: NDArray[np.bool_]) -> bool:
    """Whether ``cells`` cover a quarter of some third-by-third part of the picture."""
    if not cells.any():
        return False
    height, width = (max(1, side // 3) for side in cells.shape)
    total = np.pad(cells.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    inside = total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    return bool(inside.max() >= AREA * height * width)


class Guard:
    """Stands between the last pass and the window. It looks at the picture before, so that nobody waits.

    A picture is drawn small after it was presented (``look``). A processor that draws looks at it there and
    then, while the show waits for the next frame; from a GPU it is read when that frame is drawn.
    """

    def __init__(self, ctx: moderngl.Context, library: Passes, on: bool = True) -> None:
        """``on`` False lets everything through: the performer knows the audience."""
        self._ctx, self._library, self.on = ctx, library, on
        self._flashes = Flashes()
        self._thumb: Canvas | None = None
        self._in_software = in_software(ctx)
        self._drawn_at = 0.0
        self._unseen = self._too_many = False
        self._memory = Pair(ctx, "f4")
        self._candidate = Pair(ctx)
        self._strength = 0.0
        for shader in ("lib/guard", "lib/copy"):
            library.load(shader)

    @property
    def holding(self) -> bool:
        """Whether the picture is being held back now."""
        return self._strength > 0.0

    def begin(self, time: float, dt: float) -> None:
        """Look at the picture before this one and decide about this one."""
        if not self.on:
            return
        self._see()
        was = self.holding
        self._strength = 1.0 if self._too_many else max(0.0, self._strength - dt / RELEASE)
        if was and not self.holding:
            self._memory.release()
        self._drawn_at = time

    def _see(self) -> None:
        """Judge the last picture that was looked at, once."""
        if not self._unseen or self._thumb is None:
            return
        self._unseen = False
        size = self._thumb.texture.size
        raw = np.frombuffer(self._thumb.texture.read(level=LEVEL), np.uint8)
        cells = raw.reshape(size[1] >> LEVEL, size[0] >> LEVEL, 4)
        self._too_many = self._flashes.see(cells, self._drawn_at)

    def candidate(self, size: Size) -> moderngl.Framebuffer:
        """Return what the last pass is to be drawn to while the picture is held back."""
        return self._candidate.next(size).framebuffer

    def end(self, target: moderngl.Framebuffer, area: Box, dt: float) -> None:
        """Let the picture through, if slowly."""
        if self.holding:
            self._filter(target, area, dt)

    def look(self, again: Callable[[moderngl.Framebuffer, Box], None]) -> None:
        """Draw the last pass ``again``, small, to be looked at."""
        if not self.on:
            return
        if self._thumb is None:
            self._thumb = Canvas.make(self._ctx, THUMB, "f1")
            self._thumb.texture.build_mipmaps()
        again(self._thumb.framebuffer, (0, 0, *THUMB))
        self._thumb.texture.build_mipmaps()
        self._unseen = True
        if self._in_software:
            self._see()

    def _filter(self, target: moderngl.Framebuffer, area: Box, dt: float) -> None:
        """Mix what was shown with what is to be shown. The first time, what was shown is the small picture."""
        size = area[2:]
        fresh = not self._memory.both or self._memory.both[0].texture.size != size
        assert self._thumb is not None
        before = self._thumb.texture if fresh else self._memory.both[0].texture
        before.use(UNITS["last"])
        self._candidate.both[0].texture.use(UNITS["previous"])
        memory = self._memory.next(size)
        self._draw("lib/guard", memory.framebuffer, (0, 0, *size), dt / (HALF_LIFE * self._strength))
        memory.texture.use(UNITS["previous"])
        self._draw("lib/copy", target, area, 0.0)

    def _draw(self, name: str, target: moderngl.Framebuffer, area: Box, dt: float) -> None:
        target.use()
        self._ctx.viewport = area
        self._library.get(name).render({"dt": dt})

    def release(self) -> None:
        """Give the textures back."""
        self._memory.release()
        self._candidate.release()
        if self._thumb is not None:
            self._thumb.release()
            self._thumb = None
