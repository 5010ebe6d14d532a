"""Enlarges the generator's frame by a whole factor with a good filter, before the window's own scaling."""

from __future__ import annotations

import moderngl

from engine.stage.passes.canvas import Size
from engine.stage.passes.shader import link
from engine.stage.passes.source import read

LARGEST = 4096  # pixels of a side; no wall shows more of a frame this soft
IMAGE = 2  # the texture unit


class Enlarger:
    """A separable cubic filter in two passes: across into floats, down into 8 dithered bits."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        vertex, fragment = read("fullscreen.vert"), read("lib/enlarge.frag")
        across = link(ctx, vertex, fragment, {"AXIS": "0"})
        down = link(ctx, vertex, fragment, {"AXIS": "1", "LAST": "1"})
        self._steps: list[tuple[moderngl.Program, moderngl.VertexArray]] = []
        for program in (across, down):
            program["image"] = IMAGE
            self._steps.append((program, ctx.vertex_array(program, [])))
        self._images: list[tuple[moderngl.Texture, moderngl.Framebuffer]] = []
        self._made_for: tuple[Size, int] | None = None  # a frame's size, and the factor

    def __call__(self, texture: moderngl.Texture, factor: int) -> moderngl.Texture:
        """Return ``texture`` enlarged ``factor`` times, or as often as LARGEST allows, or itself."""
        factor = max(1, min(factor, LARGEST // max(texture.size)))
        if factor == 1:
            return texture
        if self._made_for != (texture.size, factor):
            self.release()
            wide, high = texture.size[0] * factor, texture.size[1] * factor
            self._images = [self._make((wide, texture.size[1]), "f4"), self._make((wide, high), "f1")]
            self._made_for = texture.size, factor
        source = texture
        for (program, quad), (image, framebuffer) in zip(self._steps, self._images, strict=True):
            framebuffer.use()
            self._ctx.viewport = (0, 0, *image.size)
            source.use(IMAGE)
            program["factor"] = factor
            quad.render(moderngl.TRIANGLES, vertices=3)
            source = image
        return source

    def _make(self, size: Size, dtype: str) -> tuple[moderngl.Texture, moderngl.Framebuffer]:
        image = self._ctx.texture(size, 4, dtype=dtype)
        image.repeat_x = image.repeat_y = False
        return image, self._ctx.framebuffer([image])

    def release(self) -> None:
        """Give the textures back."""
        for image, framebuffer in self._images:
            framebuffer.release()
            image.release()
        self._images, self._made_for = [], None
