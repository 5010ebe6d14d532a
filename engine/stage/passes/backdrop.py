"""What lies behind the picture as a texture: a picture, or the newest frame of a film."""

from __future__ import annotations

import moderngl

from engine.borders.contracts import Footage, Pixels
from engine.borders.video import Seen


class Backdrop:
    """Keeps the texture of what a preset's background shows. Whatever delivers frames works in a thread of its own."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._footage: Footage | Seen | None = None
        self._texture: moderngl.Texture | None = None
        self._shown: Pixels | None = None
        self.number = 0  # of the frame that the texture shows

    def show(self, footage: Footage | Seen | None) -> None:
        """Show the frames of ``footage`` from the next picture on; None: nothing."""
        if footage is not self._footage:
            self._footage = footage
            self.release()

    def texture(self, seconds: float) -> moderngl.Texture | None:
        """Return what is seen ``seconds`` into the show; None where there is nothing. This never waits."""
        pixels = None if self._footage is None else self._footage.at(seconds)
        if pixels is None or pixels is self._shown:
            return self._texture
        size = pixels.shape[1], pixels.shape[0]
        if self._texture is None or self._texture.size != size:
            self.release()
            self._texture = self._ctx.texture(size, 4)
            self._texture.repeat_x = self._texture.repeat_y = False
            self._texture.filter = moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR
        self._texture.write(pixels)
        self._texture.build_mipmaps()
        self._shown = pixels
        self.number += 1
        return self._texture

    def release(self) -> None:
        """Give the texture back."""
        if self._texture is not None:
            self._texture.release()
        self._texture = self._shown = None
