"""The video in as passes and ISF shaders read it: upright, straight, of the window's shape."""

from __future__ import annotations

import moderngl

from engine.stage.passes.canvas import Canvas, Size
from engine.stage.passes.passes import UNITS
from engine.stage.passes.shader import link
from engine.stage.passes.source import read


class Upright:
    """Draws the newest frame to a canvas, once for each frame and size."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._program: moderngl.Program | None = None  # compiled with the first frame: most shows have no video
        self._quad: moderngl.VertexArray | None = None
        self._canvas: Canvas | None = None
        self._drawn: tuple[int, Size] | None = None  # number of the frame, and the size, that the canvas shows

    def __call__(self, frame: moderngl.Texture, number: int, size: Size) -> moderngl.Texture:
        """Return the ``frame`` with that ``number`` for a window of ``size``."""
        if self._program is None or self._quad is None:
            self._program = link(self._ctx, read("fullscreen.vert"), read("lib/video.frag"), {})
            self._program["backdrop"] = UNITS["backdrop"]
            self._quad = self._ctx.vertex_array(self._program, [])
        if self._canvas is None or self._canvas.texture.size != size:
            self._forget()
            self._canvas = Canvas.make(self._ctx, size, "f1")
        if self._drawn != (number, size):
            self._drawn = number, size
            self._canvas.framebuffer.use()
            self._ctx.viewport = (0, 0, *size)
            frame.use(UNITS["backdrop"])
            self._program["resolution"] = float(size[0]), float(size[1])
            self._quad.render(moderngl.TRIANGLES, vertices=3)
        return self._canvas.texture

    def _forget(self) -> None:
        if self._canvas is not None:
            self._canvas.release()
        self._canvas = self._drawn = None

    def release(self) -> None:
        """Give everything back."""
        self._forget()
        for each in (self._quad, self._program):
            if each is not None:
                each.release()
        self._quad = self._program = None
