"""The first pictures that an ISF shader draws, of a picture with shapes, colours and soft light."""

from __future__ import annotations

import moderngl
import numpy as np
from numpy.typing import NDArray

from engine.stage.isf.effect import Effect, Moment
from engine.stage.isf.files import Shader
from engine.stage.passes.canvas import Canvas, Size

FPS = 60.0  # pictures a second, of the time that the shader is told
DATE = (2026.0, 1.0, 1.0, 43200.0)  # year, month, day, seconds; where no clock on the wall counts, noon of that day


class FirstPicture:
    """A shader on its first pictures. To prepare is to compile, which takes software OpenGL many seconds."""

    def __init__(self, ctx: moderngl.Context, shader: Shader, size: Size) -> None:
        """Compile everything and draw no point of it; ShaderError where that fails."""
        self._ctx, self._size = ctx, size
        self._effect = Effect(ctx, shader)
        # A generator lies over the picture: what it draws is seen on black.
        picture = np.zeros((size[1], size[0], 4)) if shader.header.is_generator else subject(size)
        self._source = ctx.texture(size, 4, picture.astype(np.float16).tobytes(), dtype="f2")
        self._source.repeat_x = self._source.repeat_y = False
        self._canvas = Canvas.make(ctx, size)
        self._effect.dry = True
        for _ in range(2):  # a persistent buffer is another texture in the second picture
            self.draw()
        self._effect.dry = False
        self._effect.forget()

    def draw(self, pictures: int = 1) -> NDArray[np.float32]:
        """Return the last of so many pictures, float32 [H, W, 3], bottom row first."""
        for index in range(pictures):
            moment = Moment(index / FPS, 1.0 / FPS if index else 0.0, DATE)
            self._effect.draw(self._source, {}, {}, moment, self._canvas)
        raw = np.frombuffer(self._canvas.texture.read(), np.float16)
        return raw.reshape(self._size[1], self._size[0], 4)[..., :3].astype(np.float32)

    def release(self) -> None:
        """Give everything back."""
        for each in (self._effect, self._source, self._canvas):
            each.release()


def subject(size: Size) -> NDArray[np.float64]:
    """Return a picture to try filters on, 0..1 [H, W, 4]: a lit ball before a sky of two colours, with a few bars."""
    wide, high = size
    y, x = np.mgrid[0:high, 0:wide]
    u, v = (x + 0.5) / wide, (y + 0.5) / high
    across = (u - 0.5) * wide / high
    distance = np.hypot(across, v - 0.5) / 0.35
    ball = np.clip((1.0 - distance) * 20.0, 0.0, 1.0)
    light = np.clip(1.0 - np.hypot(across + 0.12, v - 0.62) / 0.5, 0.0, 1.0)
    bars = ((u * 16.0).astype(int) % 2) * (v < 0.12)
    sky = np.stack([0.2 + 0.5 * u, 0.35 + 0.3 * v, 0.85 - 0.5 * u], axis=2)
    sky = sky * (1.0 - bars[..., None]) + bars[..., None]
    rgb = sky * (1.0 - ball[..., None]) + ball[..., None] * np.stack([0.95 * light, 0.25 * light, 0.1 + 0.1 * light], 2)
    rgba = np.concatenate([rgb, np.ones((high, wide, 1))], axis=2)
    return np.ascontiguousarray(np.clip(rgba, 0.0, 1.0))
