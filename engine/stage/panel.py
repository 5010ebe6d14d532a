"""Draws a Sheet: every shape and character of it in one call, sent again only when the sheet is another."""

from __future__ import annotations

import moderngl

from engine.stage.glyphs import Atlas
from engine.stage.shader import link, read
from engine.stage.sheet import WIDTH, Sheet


class Panel:
    """One context's means of drawing sheets. ``sent`` counts the sheets that went to the GPU."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._program = link(ctx, read("lib/panel.vert"), read("lib/panel.frag"), {})
        for unit, name in enumerate(("atlas", "large", "picture")):
            self._program[name] = unit
        self._buffer = ctx.buffer(reserve=4 * WIDTH * 4096)
        self._quad = self._bind()
        self._atlases: tuple[Atlas, Atlas] | None = None
        self._points = 0
        self._sheet: Sheet | None = None
        self._count = 0
        self.sent = 0

    def draw(self, sheet: Sheet, target: moderngl.Framebuffer, picture: moderngl.Texture | None = None) -> None:
        """Draw ``sheet`` over ``target``; ``picture`` is what it shows where it says so."""
        if sheet is not self._sheet:
            self._send(sheet)
        assert self._atlases is not None
        target.use()
        self._ctx.viewport = (0, 0, *sheet.size)
        self._ctx.enable(moderngl.BLEND)
        self._ctx.blend_func = moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA
        for unit, atlas in enumerate(self._atlases):
            atlas.texture.use(unit)
        if picture is not None:
            picture.use(2)
        self._quad.render(moderngl.TRIANGLE_STRIP, vertices=4, instances=self._count)
        self._ctx.disable(moderngl.BLEND)

    def _send(self, sheet: Sheet) -> None:
        if self._points != sheet.points:
            self._release_atlases()
            self._atlases = Atlas(self._ctx, sheet.points), Atlas(self._ctx, sheet.large_points)
            self._points = sheet.points
            self._program["cells"] = [self._atlases[0].cell, self._atlases[1].cell]
        rows = sheet.rows()
        if rows.nbytes > self._buffer.size:
            self._quad.release()
            self._buffer.release()
            self._buffer = self._ctx.buffer(reserve=2 * rows.nbytes)
            self._quad = self._bind()
        self._buffer.orphan()
        self._buffer.write(rows)
        self._program["window"] = sheet.size
        self._sheet, self._count = sheet, len(rows)
        self.sent += 1

    def _bind(self) -> moderngl.VertexArray:
        return self._ctx.vertex_array(self._program, [(self._buffer, "4f 4f 4f/i", "box", "ink", "shape")])

    def _release_atlases(self) -> None:
        for atlas in self._atlases or ():
            atlas.release()
        self._atlases = None

    def release(self) -> None:
        """Give everything back."""
        self._release_atlases()
        self._quad.release()
        self._buffer.release()
        self._program.release()
