"""The operator's window: a second window that shares the wall's textures and never makes the wall wait.

It has no vsync, is drawn at most twenty times a second and in at most a tenth of the time. Closing it ends nothing.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping

from engine.borders.contracts import Wall
from engine.borders.errors import UserError
from engine.stage.operator import layout
from engine.stage.operator.corners import CornerMouse
from engine.stage.operator.gauges import GROUND
from engine.stage.operator.panel import Panel
from engine.stage.operator.panes import pictures_of
from engine.stage.operator.sheet import Sheet
from engine.stage.operator.sliders import Mouse, Turned
from engine.stage.operator.status import Status
from engine.stage.operator.thumbnails import Thumbnails
from engine.stage.windows import gl_window
from engine.stage.windows.displays import find, monitors, name_of
from engine.stage.windows.glfw_untyped import Handle, Monitor, glfw
from engine.system import leaving

SIZE = (1280, 800)  # screen coordinates; the window opens no larger
ROWS_A_NOTCH = 3  # rows of parameters; a notch of the mouse's wheel scrolls by them


class Operator:
    """The performer's view of ``wall``. Draw it with ``draw`` after the wall's picture was presented."""

    def __init__(self, wall: Wall, display: str = "", size: tuple[int, int] | None = None) -> None:
        """Open on ``display`` (a number or a part of a name), or else on a display that the wall is not on.

        UserError when there is no such display, or no second window.
        """
        self._wall = wall
        place = _place(wall, display)
        left, top, width, height = place
        size = size or (min(SIZE[0], round(0.9 * width)), min(SIZE[1], round(0.85 * height)))
        self.handle = gl_window.create(size, "latentvj: operator", share=wall.handle)
        try:
            self._ctx = gl_window.context(self.handle, vsync=False)
            self._panel, self._thumbnails = Panel(self._ctx), Thumbnails(self._ctx)
        finally:
            glfw.make_context_current(wall.handle)
        self._clicks: deque[tuple[float, float]] = deque(maxlen=64)
        self._scroll = self._back = 0  # rows; of the parameters, and of messages from the newest back
        self.cost = 0.0  # seconds; the running mean of what drawing takes
        self._wants_close = False
        self._sheet: Sheet | None = None
        self._mouse, self._corners, self._learns = Mouse(), CornerMouse(), False
        glfw.set_cursor_pos_callback(self.handle, self._on_move)
        glfw.set_key_callback(self.handle, self._on_key)
        glfw.set_char_callback(self.handle, self._wall.on_character)
        glfw.set_mouse_button_callback(self.handle, self._on_button)
        glfw.set_scroll_callback(self.handle, self._on_scroll)
        glfw.set_drop_callback(self.handle, self._wall.on_drop)
        glfw.set_window_pos(self.handle, left + (width - size[0]) // 2, top + (height - size[1]) // 2)
        glfw.show_window(self.handle)

    @property
    def closed(self) -> bool:
        """Whether the performer has closed it, with its button or with Esc."""
        return self._wants_close or bool(glfw.window_should_close(self.handle))

    def draw(self, status: Status) -> None:
        """Show ``status`` and the wall's last picture."""
        if leaving.lost():  # the show ends after this frame
            return
        began = time.perf_counter()
        size = glfw.get_framebuffer_size(self.handle)
        if min(size) < 64 or glfw.get_window_attrib(self.handle, glfw.ICONIFIED):
            return
        wall = self._wall.size
        scale = max(1.0, glfw.get_window_content_scale(self.handle)[0])
        points = max(9, min(round(24 * scale), round(min(size[0] / 106, size[1] / 64))))
        self._sheet = layout.operator(status, size, points, wall, self._scroll, self._back)
        self._scroll, self._back = self._sheet.scrolled
        self._learns = status.learning is not None
        picture = self._wall.preview(self._sheet.shown)
        glfw.make_context_current(self.handle)
        try:
            self._ctx.screen.viewport = (0, 0, *size)
            self._ctx.screen.clear(*GROUND)
            shared = self._ctx.external_texture(picture.glo, picture.size, 4, 0, "f1")
            thumbs = self._thumbnails.texture(pictures_of(status))
            self._panel.draw(self._sheet, self._ctx.screen, shared, thumbs)
            glfw.swap_buffers(self.handle)
        finally:
            glfw.make_context_current(self._wall.handle)
        self.cost += 0.2 * (time.perf_counter() - began - self.cost)

    def chosen(self) -> tuple[str, ...]:
        """Return the parameters that were clicked since the last call, in order."""
        found = tuple(name for at in self._clicks if self._sheet and (name := self._sheet.hit(*at)))
        self._clicks.clear()
        return found

    def turned(self) -> tuple[Turned, ...]:
        """Return what the mouse has set parameters to since the last call."""
        return self._mouse.turned()

    def dragged(self) -> Mapping[str, tuple[float, float]]:
        """Return where corners were dragged to since the last call: shares of the wall from its lower left."""
        return self._corners.dragged()

    def _on_key(self, handle: Handle, key: int, scancode: int, action: int, mods: int) -> None:
        """Hand every key to the show except Esc, which closes this window only."""
        if key == glfw.KEY_ESCAPE and not self._wall.typing:
            self._wants_close = True
        else:
            self._wall.on_key(handle, key, scancode, action, mods)

    def _on_button(self, _handle: Handle, button: int, action: int, _mods: int) -> None:
        if button != glfw.MOUSE_BUTTON_LEFT:
            return
        if action != glfw.PRESS:
            self._mouse.release()
            self._corners.release()
            return
        at = gl_window.cursor_at(self.handle)
        self._clicks.append(at)
        if self._sheet is not None and self._corners.press(self._sheet, *at):
            return
        if self._sheet is not None and not self._learns:  # there a click chooses what is learned
            self._mouse.press(self._sheet, *at, time.monotonic())

    def _on_move(self, _handle: Handle, _x: float, _y: float) -> None:
        at = gl_window.cursor_at(self.handle)
        self._mouse.move(at[0])
        self._corners.move(*at)

    def _on_scroll(self, _handle: Handle, _across: float, down: float) -> None:
        by, at = round(down * ROWS_A_NOTCH), gl_window.cursor_at(self.handle)
        if self._sheet is not None and self._sheet.on_messages(*at):
            self._back = max(0, self._back + by)
        elif self._sheet is not None and self._mouse.wheel(self._sheet, *at, down):
            return
        else:
            self._scroll = max(0, self._scroll - by)

    def close(self) -> None:
        """Close the window; the wall goes on."""
        if self.handle is None:
            return
        glfw.make_context_current(self.handle)
        try:
            self._panel.release()
            self._thumbnails.release()
            self._ctx.release()
        finally:
            glfw.make_context_current(self._wall.handle)
        gl_window.destroy(self.handle)
        self.handle = None


def _place(wall: Wall, display: str) -> tuple[int, int, int, int]:
    """Return the room for the window: left, top, width, height."""
    if display:
        return _room(find(display))
    others = [monitor for monitor in monitors() if name_of(monitor) != wall.display]
    every = others or monitors()
    if not every:
        raise UserError("no display for the operator's window")
    return _room(every[0])


def _room(monitor: Monitor) -> tuple[int, int, int, int]:
    left, top, width, height = glfw.get_monitor_workarea(monitor)
    return left, top, width, height
