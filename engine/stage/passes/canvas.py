"""Canvases: textures that can be drawn to, of half floats unless asked otherwise, made anew for another size."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import moderngl
import numpy as np
from numpy.typing import NDArray

# The blend_func of a straight picture over another: of light, then of alpha. moderngl's stubs know the first two only.
OVER = cast(
    "tuple[int, int]", (moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA, moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA)
)

DTYPES: dict[str, np.dtype[Any]] = {
    "f1": np.dtype(np.uint8),
    "f2": np.dtype(np.float16),
    "f4": np.dtype(np.float32),
}  # by moderngl's names
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
        made = cls(texture, ctx.framebuffer([texture]))
        made.framebuffer.clear()  # a driver need not: what lay there may be no number, and a place is read from it
        return made

    @classmethod
    def filled(cls, ctx: moderngl.Context, pixels: NDArray[Any]) -> Canvas:
        """Return a canvas with ``pixels`` [h, w, 4], as `pixels` gave them."""
        dtype = next(name for name, each in DTYPES.items() if each == pixels.dtype)
        canvas = cls.make(ctx, (pixels.shape[1], pixels.shape[0]), dtype)
        canvas.texture.write(np.ascontiguousarray(pixels).tobytes())
        return canvas

    def pixels(self) -> NDArray[Any]:
        """Return what it holds, [h, w, 4], uint8, float16 or float32."""
        width, height = self.texture.size
        raw: NDArray[Any] = np.frombuffer(self.texture.read(), DTYPES[str(self.texture.dtype)])
        return raw.reshape(height, width, 4)

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

    def taken(self, size: Size) -> list[Canvas]:
        """Return the canvases, which are the caller's to give back, where they are not of ``size``; else nothing."""
        if not self.both or self.both[0].texture.size == size:
            return []
        before, self.both = self.both, []
        return before

    def recall(self, pixels: NDArray[Any]) -> None:
        """Hold ``pixels`` [h, w, 4] as what was drawn last."""
        self.release()
        self.both = [Canvas.filled(self.ctx, pixels) for _ in range(2)]

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
