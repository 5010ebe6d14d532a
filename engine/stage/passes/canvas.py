"""Canvases: textures that can be drawn to, of half floats unless asked otherwise, made anew for another size."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import moderngl

# The blend_func of a straight picture over another: of light, then of alpha. moderngl's stubs know the first two only.
OVER = cast(
    "tuple[int, int]", (moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA, moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA)
)

Size = tuple[int, int]
Box = tuple[int, int, int, int]  # left, bottom, width, height; pixels, from the lower left


@dataclass(slots=True)
class Canvas:
    """A texture and the framebuffer that draws to it."""

    texture: moderngl.Texture
    framebuffer: moderngl.Framebuffer

    @classmethod
    def make(cls, ctx: moderngl.Context, size: Size, dtype: str = "f2") -> Canvas:
        """Return an empty canvas, its edges clamped."""
        texture = ctx.texture(size, 4, dtype=dtype)
        texture.repeat_x = texture.repeat_y = False
        return cls(texture, ctx.framebuffer([texture]))

    def release(self) -> None:
        """Give the canvas back."""
        self.framebuffer.release()
        self.texture.release()


@dataclass(slots=True)
class Pair:
    """Two canvases of one size: the canvas to draw to is never the one that was drawn to last."""

    ctx: moderngl.Context
    dtype: str = "f2"
    both: list[Canvas] = field(default_factory=list)

    def next(self, size: Size) -> Canvas:
        """Return the canvas to draw to."""
        if self.both and self.both[0].texture.size != size:
            self.release()
        if not self.both:
            self.both = [Canvas.make(self.ctx, size, self.dtype) for _ in range(2)]
        self.both.reverse()
        return self.both[0]

    def release(self) -> None:
        """Give both back."""
        for canvas in self.both:
            canvas.release()
        self.both = []


def in_software(ctx: moderngl.Context) -> bool:
    """Whether the processor draws: a copy of the picture then costs as much as drawing it."""
    return draws_in_software(str(ctx.info["GL_RENDERER"]))


def draws_in_software(renderer: str) -> bool:
    """Whether the renderer of that name, as OpenGL tells it, is a program on the processor."""
    return any(name in renderer.lower() for name in ("llvmpipe", "softpipe", "swrast"))
