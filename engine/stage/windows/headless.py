"""The window that nobody sees: an offscreen framebuffer on EGL, for renders, benches and tests."""

from __future__ import annotations

import sys
from typing import Any

import moderngl
import numpy as np
from numpy.typing import NDArray

from engine.borders.contracts import Drawn, Pixels
from engine.borders.errors import UserError

MAX_SIDE = 16384  # pixels; the largest framebuffer that current drivers give
USUAL_RATE = 60.0  # Hz; what a show without a display runs at


def headless_context() -> moderngl.Context:
    """Return an OpenGL 3.3 context that needs no display; UserError where the machine has no OpenGL."""
    linux = sys.platform.startswith("linux")
    settings: dict[str, Any] = {"backend": "egl"} if linux else {}  # moderngl's stubs take no backend's name
    try:
        return moderngl.create_context(require=330, standalone=True, **settings)
    except Exception as error:  # glcontext raises bare Exception, whatever failed
        hint = "install libegl1 and libgl1-mesa-dri" if linux else "update the graphics driver"
        raise UserError(f"no OpenGL 3.3 without a display ({error}): {hint}") from error


def check_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return ``size``; UserError when no picture can have it."""
    width, height = size
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise UserError(f"a picture of {width}x{height} pixels: both sides must be 1 to {MAX_SIDE}")
    return width, height


class HeadlessWindow:
    """A window without a screen, a keyboard or a mouse: draw to ``target``, read it back with ``read``."""

    wall = None
    paced = False

    def __init__(self, size: tuple[int, int] = (1280, 720)) -> None:
        self.size = check_size(size)
        self.ctx = headless_context()
        self._colour = self.ctx.texture(self.size, 4)
        self.target = self.ctx.framebuffer([self._colour])
        self.target.clear()
        self.closed = False  # nobody can close a window that cannot be seen
        self.refresh_rate = USUAL_RATE
        self._open = True

    def present(self, picture: Drawn | None = None) -> None:
        """Wait until the picture is drawn: its cost counts where it arises."""
        self.ctx.finish()

    def read(self) -> NDArray[np.uint8]:
        """Return the picture, uint8 [H, W, 3], top row first."""
        return self.read_rgba()[..., :3].copy()

    def read_rgba(self) -> Pixels:
        """Return the picture, uint8 [H, W, 4], top row first. Drivers hand over four bytes a pixel fastest."""
        width, height = self.size
        raw = self.target.read(components=4)
        return np.ascontiguousarray(np.frombuffer(raw, np.uint8).reshape(height, width, 4)[::-1])

    def keys(self) -> tuple[tuple[str, str], ...]:
        """Return no keys."""
        return ()

    def clicks(self) -> tuple[tuple[float, float], ...]:
        """Return no clicks."""
        return ()

    def waiting(self) -> bool:
        """Return False: nothing ever comes."""
        return False

    def point(self, on: bool) -> None:
        """Do nothing: there is no arrow to show."""

    def abort(self) -> None:
        """Close the window, which keeps nothing anyway."""
        self.close()

    def close(self) -> None:
        """Release the context and all that was made in it; a second call does nothing."""
        if self._open:
            self._open = False
            with self.ctx:  # leaves it not current: GLX refuses a window to a thread with a current context
                self.target.release()
                self._colour.release()
            self.ctx.release()
