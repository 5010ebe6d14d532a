"""Lines of text in a corner of the window; Pillow draws them once, GL every frame."""

from __future__ import annotations

import moderngl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from engine.stage.desktop.glyphs import cell
from engine.stage.operator.lines import wrap
from engine.stage.passes.canvas import OVER
from engine.stage.passes.shader import link
from engine.stage.passes.source import read
from engine.system.resources import resource

MAX_SHARE = 0.45  # of the picture's height; text takes no more, older rows are left away
FONT = ("shaders", "fonts", "DejaVuSansMono.ttf")


class TextPanel:
    """Text on a dark ground at the bottom left; the texture changes only with the text."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        program = link(ctx, read("fullscreen.vert"), read("lib/text.frag"), {})
        self._quad = ctx.vertex_array(program, [])
        self._texture: moderngl.Texture | None = None
        self._drawn: tuple[tuple[str, ...], int] | None = None
        self.redraws = 0

    def draw(self, lines: tuple[str, ...], target: moderngl.Framebuffer, size: tuple[int, int]) -> None:
        """Draw ``lines`` over ``target``, which has ``size`` (width, height) in pixels."""
        if not lines:
            return
        points = max(11, min(32, round(size[1] / 48)))
        columns = int((size[0] - 3 * points) / cell(points)[0])
        rows = [row for line in lines for row in wrap(line, columns)]
        lines = tuple(rows[-max(1, int(size[1] * MAX_SHARE / (1.3 * points))) :])
        if self._drawn != (lines, points):
            self._upload(_rasterise(lines, points))
            self._drawn = (lines, points)
        assert self._texture is not None
        margin = points
        target.use()
        self._ctx.viewport = (margin, margin, *self._texture.size)
        self._ctx.enable(moderngl.BLEND)
        self._ctx.blend_func = OVER
        self._texture.use(0)
        self._quad.render(moderngl.TRIANGLES, vertices=3)
        self._ctx.disable(moderngl.BLEND)
        self._ctx.viewport = (0, 0, *size)

    def _upload(self, coverage: NDArray[np.uint8]) -> None:
        height, width = coverage.shape
        if self._texture is None or self._texture.size != (width, height):
            self.release()
            self._texture = self._ctx.texture((width, height), 1, alignment=1)
            self._texture.filter = moderngl.NEAREST, moderngl.NEAREST
        self._texture.write(coverage, alignment=1)
        self.redraws += 1

    def release(self) -> None:
        """Release the texture."""
        if self._texture is not None:
            self._texture.release()
            self._texture = None


def _rasterise(lines: tuple[str, ...], points: int) -> NDArray[np.uint8]:
    """Return the coverage of the text, uint8 [H, W], top row first."""
    font = ImageFont.truetype(resource(*FONT), points)
    pad, step = points // 2, round(points * 1.3)
    width = max(round(font.getlength(line)) for line in lines) + 2 * pad
    image = Image.new("L", (max(width, 1), step * len(lines) + 2 * pad))
    pen = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        pen.text((pad, pad + row * step), line, fill=255, font=font)
    return np.asarray(image)
