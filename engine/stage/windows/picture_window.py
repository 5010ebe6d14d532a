"""A plain window that shows one picture and waits for a key."""

from __future__ import annotations

import moderngl
import numpy as np
from numpy.typing import NDArray

from engine.stage.windows import displays, gl_window
from engine.stage.windows.glfw_untyped import Handle, glfw

WAIT = 0.1  # seconds; the window is drawn at least so often
CLOSED = "ESCAPE"  # what a window that was closed answers

VERTEX = """#version 330 core
uniform vec2 size;
in vec2 at;
out vec2 uv;
void main() { uv = vec2(0.5 + 0.5 * at.x, 0.5 - 0.5 * at.y); gl_Position = vec4(at * size, 0.0, 1.0); }
"""
FRAGMENT = """#version 330 core
uniform sampler2D picture;
in vec2 uv;
out vec4 colour;
void main() { colour = vec4(texture(picture, uv).rgb, 1.0); }
"""


class PictureWindow:
    """Shows pictures, one after the other. `close` it in the end."""

    def __init__(self, size: tuple[int, int]) -> None:
        """Open a window of ``size`` in screen coordinates; UserError where there is no display."""
        displays.acquire()
        self._keys: list[str] = []
        try:
            self.handle: Handle = gl_window.create(size, "latentvj")
            self._ctx = gl_window.context(self.handle, vsync=True)
        except Exception:
            displays.release()
            raise
        self._program = self._ctx.program(vertex_shader=VERTEX, fragment_shader=FRAGMENT)
        corners = np.array([-1, -1, 1, -1, -1, 1, 1, 1], np.float32)
        self._quad = self._ctx.vertex_array(self._program, [(self._ctx.buffer(corners.tobytes()), "2f", "at")])
        glfw.set_key_callback(self.handle, self._on_key)
        glfw.show_window(self.handle)

    def _on_key(self, _handle: Handle, key: int, scancode: int, action: int, _mods: int) -> None:
        if action == glfw.PRESS:
            self._keys.append(gl_window.key_name(key, scancode))

    def ask(self, picture: NDArray[np.uint8], title: str) -> str:
        """Show ``picture`` [H, W, 3] until a key is pressed; return its name, ESCAPE where the window was closed."""
        glfw.set_window_title(self.handle, title)
        high, wide = picture.shape[:2]
        texture = self._ctx.texture((wide, high), 3, np.ascontiguousarray(picture).tobytes(), alignment=1)
        texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
        self._keys.clear()
        try:
            while not self._keys:
                if glfw.window_should_close(self.handle):
                    return CLOSED
                self._draw(texture, wide / high)
                glfw.wait_events_timeout(WAIT)
        finally:
            texture.release()
        return self._keys.pop(0)

    def _draw(self, texture: moderngl.Texture, shape: float) -> None:
        across, down = glfw.get_framebuffer_size(self.handle)
        self._ctx.screen.viewport = (0, 0, across, down)
        self._ctx.screen.use()
        self._ctx.clear(0.1, 0.1, 0.12)
        wide = min(across, down * shape)
        self._program["size"] = (wide / max(1, across), wide / shape / max(1, down))
        texture.use(0)
        self._quad.render(moderngl.TRIANGLE_STRIP)
        glfw.swap_buffers(self.handle)

    def close(self) -> None:
        """Close it for good."""
        self._ctx.release()
        gl_window.destroy(self.handle)
        displays.release()
