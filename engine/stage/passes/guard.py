"""The photosensitivity guard: no more than three large flashes a second reach the wall (WCAG 2.3.1).

A flash is a pair of opposing changes of relative luminance by a tenth or more with the darker side below 0.8, or of
saturated red. It is large where it covers a quarter of a third-by-third part of the picture, which is what 10 degrees
of a viewer's sight may be. After the third large flash within a second the picture is let through only slowly, until
the picture behind the guard has kept still for a second.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import moderngl
import numpy as np
from numpy.typing import NDArray

from engine.borders.errors import UnseenPast
from engine.borders.made import Memory, Seen
from engine.stage.passes.canvas import Box, Canvas, Pair, Size, in_software
from engine.stage.passes.certainty import Certainty
from engine.stage.passes.flashes import RELEASE, Flashes
from engine.stage.passes.passes import NOWHERE, UNITS, Passes

GUARD_OFF = "flash guard off"  # what stays written while there is no guard
GUARD_WARNING = "the flash guard is off: large flashes can trigger seizures"
GUARD, SEEN = "guard:", "guard:seen:"  # begin the names of what it remembers
THUMB = (192, 108)  # pixels; size of the picture that is judged
LEVEL = 3  # the mipmap that is measured; its cells of 8 pixels even grain and fine patterns out
RECORDED = 10.0  # seconds of a range; if the guard is not certain there, its next try knows these pictures
HALF_LIFE = 0.7  # seconds; half-life of the shown picture's weight; 3.5 full flashes a second become changes of 0.07


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
        self._certainty = Certainty()  # after unseen pictures
        self._certain_from = math.inf  # seconds; from then on nothing may be uncertain
        self._seen: Seen = {}
        self._index, self._turn = -1, 0  # of the tick of the last picture, and how many it had before: crossfades' own
        for shader in ("lib/guard", "lib/copy"):
            library.load(shader)

    def begin(self, time: float, dt: float, index: int = -1) -> None:
        """Judge the previous picture, and decide about this one, which is that of the tick ``index``."""
        if not self.on:
            return
        self.judge()
        self._decide(dt)
        if not self._certainty.sure and time >= self._certain_from:
            raise UnseenPast("the flash guard cannot know what it would have done")
        was, self.holding = self.holding, self._strength > 0.0
        if was and not self.holding:
            self._memory.release()
        if index != self._index:
            self._seen.pop(index, None)
        self._drawn_at, self._index = time, index

    def _decide(self, dt: float) -> None:
        self._strength = 1.0 if self._too_many else max(0.0, self._strength - dt / RELEASE)
        self._certainty.step(self._flashes, self._too_many, dt)

    def recollect(self, seen: Seen) -> None:
        """Take what was seen of the pictures in an earlier try, by their ticks; what is seen now is added."""
        self._seen = seen

    def certain_from(self, time: float) -> None:
        """Raise UnseenPast where a picture from ``time`` on could depend on pictures that went by unseen."""
        self._certain_from = time

    def pass_by(self, time: float, dt: float, index: int) -> None:
        """Let a picture go by that is not drawn now; in an earlier try it may have been."""
        if not self.on:
            return
        self.judge()
        self._turn = self._turn + 1 if index == self._index else 0
        self._index = index
        before = self._seen.get(index, [])[self._turn : self._turn + 1]
        if before:
            self._decide(dt)
            self._too_many = self._flashes.see(before[0], time)
        if self._strength > 0.0:  # what would have been held back is not drawn
            self._certainty.sure = False
        if not before:
            self._flashes.pass_by(time)
            self._certainty.lose()
            self._too_many = False
        self._strength, self.holding = 0.0, False
        self._memory.release()

    def memory(self) -> dict[str, NDArray[Any]]:
        """Return all that decides about the next picture."""
        if not self.on:
            return {}
        self.judge()
        found: dict[str, NDArray[Any]] = {f"{SEEN}{name}": each for name, each in self._flashes.memory().items()}
        found[f"{GUARD}flags"] = np.array([self._too_many, self.holding, self._certainty.sure])
        found[f"{GUARD}numbers"] = np.array([self._strength, self._certainty.may, self._drawn_at])
        if self._memory.both:
            found[f"{GUARD}shown"] = self._memory.both[0].pixels()
        if self._thumb is not None:
            found[f"{GUARD}thumb"] = self._thumb.pixels()
        return found

    def recall(self, memory: Memory) -> None:
        """Go on as one that has seen the pictures which were passed by here."""
        if not self.on or f"{GUARD}flags" not in memory:
            return
        self._flashes.recall({name.removeprefix(SEEN): each for name, each in memory.items() if name.startswith(SEEN)})
        self._unseen = False
        self._too_many, self.holding, sure = map(bool, memory[f"{GUARD}flags"])
        self._strength, may, self._drawn_at = map(float, memory[f"{GUARD}numbers"])
        self._certainty = Certainty(sure, may)
        if (shown := memory.get(f"{GUARD}shown")) is not None:
            self._memory.recall(shown)
        if (thumb := memory.get(f"{GUARD}thumb")) is not None:
            if self._thumb is not None:
                self._thumb.release()
            self._thumb = Canvas.filled(self._ctx, thumb)
            self._thumb.texture.build_mipmaps(max_level=LEVEL)

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
        if self._flashes.incomplete and self._drawn_at < self._certain_from + RECORDED:
            self._seen.setdefault(self._index, []).append(cells.copy())

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
