"""The wall's picture, very small, read from the GPU without waiting: for those who want its colours only."""

from __future__ import annotations

import moderngl
import numpy as np
from numpy.typing import NDArray

from engine.borders.contracts import Window
from engine.stage.passes.canvas import Canvas

SIZE = (32, 18)  # pixels
TAPS = 8  # a side; places of the picture that make one of these pixels
VERTEX = """
#version 330 core
void main() { gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0, 0.0, 1.0); }
"""
FRAGMENT = f"""
#version 330 core
uniform sampler2D picture;
out vec4 colour;
void main() {{
    ivec2 whole = textureSize(picture, 0);
    vec2 pixel = vec2(whole) / vec2({SIZE[0]}.0, {SIZE[1]}.0);
    vec3 sum = vec3(0.0);
    for (int y = 0; y < {TAPS}; y++)
        for (int x = 0; x < {TAPS}; x++) {{
            vec2 at = (floor(gl_FragCoord.xy) + (vec2(x, y) + 0.5) / {TAPS}.0) * pixel;
            sum += texelFetch(picture, min(ivec2(at), whole - 1), 0).rgb;
        }}
    colour = vec4(sum / {TAPS * TAPS}.0, 1.0);
}}
"""


class SmallPicture:
    """Fetches the picture of a window; what a call has begun, the next one returns."""

    def __init__(self, window: Window) -> None:
        self._window, ctx = window, window.ctx
        self._program = ctx.program(vertex_shader=VERTEX, fragment_shader=FRAGMENT)
        self._triangle = ctx.vertex_array(self._program, [])
        self._small = Canvas.make(ctx, SIZE, "f1")
        self._buffer: moderngl.Buffer = ctx.buffer(reserve=SIZE[0] * SIZE[1] * 4)
        self._whole: Canvas | None = None
        self._begun = False

    def __call__(self) -> NDArray[np.uint8] | None:
        """Begin to fetch the picture that was presented; return the one that was begun before, RGB [n, 3]."""
        found = None
        if self._begun:
            found = np.frombuffer(self._buffer.read(), np.uint8).reshape(-1, 4)[:, :3].copy()
        ctx, size = self._window.ctx, self._window.size
        if self._whole is None or self._whole.texture.size != size:
            if self._whole is not None:
                self._whole.release()
            self._whole = Canvas.make(ctx, size, "f1")
        ctx.copy_framebuffer(self._whole.framebuffer, self._window.target)
        self._small.framebuffer.use()
        self._whole.texture.use(0)
        self._triangle.render(moderngl.TRIANGLES, vertices=3)
        self._small.framebuffer.read_into(self._buffer, components=4)
        self._begun = True
        return found

    def close(self) -> None:
        """Give everything back."""
        if self._whole is not None:
            self._whole.release()
            self._whole = None
        self._small.release()
        self._buffer.release()
        self._triangle.release()
        self._program.release()
