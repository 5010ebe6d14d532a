"""The panel that draws a Sheet: one call for each kind of row; the rows are sent only when the sheet changes."""

from __future__ import annotations

import moderngl
import numpy as np
from numpy.typing import NDArray

from engine.stage.desktop.glyphs import Atlas
from engine.stage.operator.sheet import ARC, BOX, LARGE, PICTURE, SMALL, THUMB, WIDTH, Sheet
from engine.stage.passes.shader import link
from engine.stage.passes.source import read

ORDER = (BOX, PICTURE, THUMB, ARC, SMALL, LARGE)


class _Kind:
    """The program for one kind of row, and a buffer of such rows."""

    def __init__(self, ctx: moderngl.Context, kind: int) -> None:
        self._ctx = ctx
        self.program = link(ctx, read("lib/panel.vert"), read("lib/panel.frag"), {"KIND": str(kind)})
        self.count = 0
        self._make(4 * WIDTH * 256)

    def _make(self, size: int) -> None:
        self._buffer = self._ctx.buffer(reserve=size)
        # The floats that a kind does not use are skipped, because the compiler has removed their attribute.
        names = ("box", "ink", "shape")
        formats = " ".join("4f" if name in self.program else "4x4" for name in names)
        used = [name for name in names if name in self.program]
        self._quad = self._ctx.vertex_array(self.program, [(self._buffer, f"{formats}/i", *used)])

    def send(self, rows: NDArray[np.float32], window: tuple[int, int]) -> None:
        self.count = len(rows)
        if not self.count:
            return
        if rows.nbytes > self._buffer.size:
            self._quad.release()
            self._buffer.release()
            self._make(2 * rows.nbytes)
        self._buffer.orphan()
        self._buffer.write(np.ascontiguousarray(rows))
        self.program["window"] = window

    def draw(self) -> None:
        self._quad.render(moderngl.TRIANGLE_STRIP, vertices=4, instances=self.count)

    def release(self) -> None:
        self._quad.release()
        self._buffer.release()
        self.program.release()


class Panel:
    """Draws sheets in one GL context. ``sent`` counts the sheets that went to the GPU."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._kinds = {kind: _Kind(ctx, kind) for kind in ORDER}
        self._atlases: dict[int, Atlas] = {}
        self._points = 0
        self._sheet: Sheet | None = None
        self.sent = 0

    def draw(
        self,
        sheet: Sheet,
        target: moderngl.Framebuffer,
        picture: moderngl.Texture | None = None,
        thumbs: moderngl.Texture | None = None,
    ) -> None:
        """Draw ``sheet`` over ``target``; ``picture`` fills its boxes of kind PICTURE, ``thumbs`` those of THUMB."""
        if sheet is not self._sheet:
            self._send(sheet)
        target.use()
        self._ctx.viewport = (0, 0, *sheet.size)
        self._ctx.enable(moderngl.BLEND)
        self._ctx.blend_func = moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA
        for kind in ORDER:
            image = self._atlases[kind].texture if kind in self._atlases else thumbs if kind == THUMB else picture
            if self._kinds[kind].count and (kind not in (PICTURE, THUMB) or image is not None):
                if image is not None:
                    image.use(0)
                self._kinds[kind].draw()
        self._ctx.disable(moderngl.BLEND)

    def _send(self, sheet: Sheet) -> None:
        if self._points != sheet.points:
            self._release_atlases()
            sizes = {SMALL: sheet.points, LARGE: sheet.large_points}
            self._atlases = {kind: Atlas(self._ctx, points) for kind, points in sizes.items()}
            self._points = sheet.points
            for kind, atlas in self._atlases.items():
                self._kinds[kind].program["cell"] = atlas.cell
        rows = sheet.rows()
        for kind, part in self._kinds.items():
            part.send(rows[rows[:, 8] == kind], sheet.size)
        self._sheet = sheet
        self.sent += 1

    def _release_atlases(self) -> None:
        for atlas in self._atlases.values():
            atlas.release()
        self._atlases = {}

    def release(self) -> None:
        """Release all GL objects."""
        self._release_atlases()
        for part in self._kinds.values():
            part.release()
