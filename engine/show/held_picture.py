"""The picture that a supervisor holds: one a second, reduced, read back from the GPU without waiting."""

from __future__ import annotations

import time
from collections.abc import Callable

from engine.borders.contracts import Wall, Window
from engine.borders.moment import Moment
from engine.borders.place import Place
from engine.stage.passes.canvas import Canvas, Size
from engine.system.watch import MAX_SIDE

EVERY_SECONDS = 1.0  # s; from one picture to the next
FRAMES = 3  # frames after which a picture has arrived


class HeldPicture:
    """Reduces the picture on the screen and hands it over. The one copy to the host of a show under a supervisor."""

    def __init__(
        self, window: Window, wall: Wall, hold: Callable[[Size, bytes], object], put: Callable[[Place], object]
    ) -> None:
        """``hold`` gets the size and the pixels: RGBA, the lower row first. ``put`` gets where the window lies."""
        self._window, self._wall, self._hold, self._put = window, wall, hold, put
        self._canvas: Canvas | None = None
        self._buffer = window.ctx.buffer(reserve=MAX_SIDE * MAX_SIDE * 4)
        self._next = 0.0  # monotonic seconds
        self._waits = 0  # frames until the picture has arrived

    def look(self, _moment: Moment) -> None:
        """Fetch the picture that was presented, if it is time for that, or hand over the one that was fetched."""
        if self._waits:
            self._waits -= 1
            if not self._waits and self._canvas is not None:
                size = self._canvas.texture.size
                self._hold(size, self._buffer.read(size=size[0] * size[1] * 4))
        elif time.monotonic() >= self._next:
            self._next, self._waits = time.monotonic() + EVERY_SECONDS, FRAMES
            self._put(self._wall.place)
            self._fetch()

    def _fetch(self) -> None:
        width, height = self._window.size
        share = min(1.0, MAX_SIDE / max(width, height))
        size = max(1, round(width * share)), max(1, round(height * share))
        if self._canvas is None or self._canvas.texture.size != size:
            if self._canvas is not None:
                self._canvas.release()
            self._canvas = Canvas.make(self._window.ctx, size, "f1")
        self._wall.reduce(self._canvas.framebuffer)
        self._canvas.framebuffer.read_into(self._buffer, viewport=(0, 0, *size), components=4)
