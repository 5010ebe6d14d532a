"""Fades the generator's last frame but one into its newest: the picture until the next frame comes."""

from __future__ import annotations

import moderngl

from engine.stage.passes.canvas import Canvas
from engine.stage.passes.passes import UNITS
from engine.stage.passes.shader import link
from engine.stage.passes.source import read
from engine.stage.passes.texture import FrameTexture


class Blend:
    """Keeps the frame before the newest, and mixes the two at the size of the newest."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self.before = FrameTexture(ctx)
        program = link(ctx, read("fullscreen.vert"), read("lib/blend.frag"), {})
        program["previous"], program["frame"] = UNITS["previous"], UNITS["frame"]
        self._program, self._quad = program, ctx.vertex_array(program, [])
        self._canvas: Canvas | None = None

    def keep(self, newest: FrameTexture) -> FrameTexture:
        """Keep the texture of the frame that was the newest; return the texture to write the next frame to."""
        spare, self.before = self.before, newest
        return spare

    def __call__(self, texture: moderngl.Texture, share: float) -> moderngl.Texture:
        """Return ``share`` (0..1) of the newest frame's ``texture`` over the frame before, if there is one."""
        before = self.before.texture
        if before is None or share >= 1.0:
            return texture
        if self._canvas is None or self._canvas.texture.size != texture.size:
            self.forget()
            self._canvas = Canvas.make(self._ctx, texture.size)
        for each in (before, texture):
            each.filter = moderngl.LINEAR, moderngl.LINEAR
        self._canvas.framebuffer.use()
        self._ctx.viewport = (0, 0, *texture.size)
        before.use(UNITS["previous"])
        texture.use(UNITS["frame"])
        self._program["share"] = share
        self._quad.render(moderngl.TRIANGLES, vertices=3)
        return self._canvas.texture

    def forget(self) -> None:
        """Give the canvas back."""
        if self._canvas is not None:
            self._canvas.release()
            self._canvas = None

    def release(self) -> None:
        """Give everything back."""
        self.forget()
        self.before.close()
