"""The finished picture on its wall: the pass ``pin`` drawn over all that was drawn, after outputs have had it."""

from __future__ import annotations

from collections.abc import Mapping

import moderngl

from engine.stage.passes.canvas import Canvas, Size
from engine.stage.passes.passes import NOWHERE, UNITS, Passes

PIN = "pin"  # the pass, and its name in lines for the performer
SWITCH = f"{PIN}.amount"


class Wall:
    """Draws the picture from a copy of it."""

    def __init__(self, ctx: moderngl.Context, library: Passes) -> None:
        """``library`` has the pass from the first time it is needed on."""
        self._ctx, self._library = ctx, library
        self._canvas: Canvas | None = None

    def __call__(self, target: moderngl.Framebuffer, size: Size, params: Mapping[str, float]) -> None:
        """Bring what is in ``target`` to its place there."""
        self._library.load(PIN)
        if self._canvas is None or self._canvas.texture.size != size:
            self.release()
            self._canvas = Canvas.make(self._ctx, size, "f1")
        target.use()
        self._ctx.viewport = (0, 0, *size)
        # The screen does not know its size after a change.
        source = self._ctx.detect_framebuffer(0) if target.glo == 0 else target
        self._ctx.copy_framebuffer(self._canvas.framebuffer, source)
        self._canvas.texture.use(UNITS["previous"])
        target.use()
        self._ctx.viewport = (0, 0, *size)
        step = self._library.compiled[PIN, NOWHERE]  # it was dithered, and is black already if it is to be
        for name in step.names:
            if name in params:
                step.program[name] = params[name]
            elif name == "resolution":
                step.program[name] = float(size[0]), float(size[1])
        step.quad.render(moderngl.TRIANGLES, vertices=3)

    def release(self) -> None:
        """Give the copy back."""
        if self._canvas is not None:
            self._canvas.release()
            self._canvas = None
