"""A window that is not there: an offscreen framebuffer on EGL, for renders, benches and tests."""

from __future__ import annotations

import sys
from typing import Any

import moderngl
import numpy as np
from numpy.typing import NDArray

from engine.borders.errors import UserError

MAX_SIDE = 16384  # the largest framebuffer that current drivers give


def headless_context() -> moderngl.Context:
    """Return a GL 3.3 context that needs no display; UserError when the machine has no OpenGL at all."""
    linux = sys.platform.startswith("linux")
    settings: dict[str, Any] = {"backend": "egl"} if linux else {}
    try:
        return moderngl.create_context(require=330, standalone=True, **settings)
    except Exception as error:  # glcontext raises bare Exception, whatever failed
        hint = "install libegl1 and libgl1-mesa-dri" if linux else "update the graphics driver"
        raise UserError(f"no OpenGL 3.3 without a display ({error}): {hint}") from error


def check_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return ``size`` if a picture can have it; UserError otherwise."""
    width, height = size
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise UserError(f"a picture of {width}x{height} pixels: both sides must be 1 to {MAX_SIDE}")
    return width, height


class HeadlessWindow:
    """A window without a screen: draw to ``target``, read it back with ``read``."""

    def __init__(self, size: tuple[int, int] = (1280, 720)) -> None:
        self.size = check_size(size)
        self.ctx = headless_context()
        self._colour = self.ctx.texture(self.size, 4)
        self.target = self.ctx.framebuffer([self._colour])
        self.target.clear()
        self.closed = False  # nobody can close what cannot be seen
        self.refresh_rate = 60.0
        self.on_screen = self.paced = False
        self._open = True

    def present(self, picture: moderngl.Framebuffer | None = None) -> None:
        """Wait until the picture has been drawn, so that its cost counts where it arises."""
        self.ctx.finish()

    def read(self) -> NDArray[np.uint8]:
        """Return the picture, uint8 [H, W, 3], top row first."""
        return self.read_rgba()[..., :3].copy()

    def read_rgba(self) -> NDArray[np.uint8]:
        """Return the picture, uint8 [H, W, 4], top row first: the way drivers hand it over fastest."""
        width, height = self.size
        raw = self.target.read(components=4)
        return np.ascontiguousarray(np.frombuffer(raw, np.uint8).reshape(height, width, 4)[::-1])

    def keys(self) -> tuple[tuple[str, str], ...]:
        """Return no keys: there is no keyboard here."""
        return ()

    def clicks(self) -> tuple[tuple[float, float], ...]:
        """Return no clicks: there is no mouse here."""
        return ()

    def waiting(self) -> bool:
        """Return False: nothing ever comes."""
        return False

    def point(self, on: bool) -> None:
        """There is no arrow to show."""

    def close(self) -> None:
        """Release the context and all that was made in it; a second call does nothing."""
        if self._open:
            self._open = False
            with self.ctx:  # on leaving it is no longer current, or GLX would refuse this thread a window
                self.target.release()
                self._colour.release()
            self.ctx.release()
