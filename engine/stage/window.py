"""The window on the screen: glfw, an OpenGL 3.3 core context, keys, fullscreen on the right display."""

from __future__ import annotations

from collections import deque
from typing import Any

import glfw as _glfw
import moderngl

from engine.errors import UserError
from engine.stage.displays import (
    USUAL_RATE,
    Display,
    acquire,
    describe,
    displays,
    find,
    last_error,
    monitors,
    name_of,
    named,
    release,
)
from engine.stage.headless import check_size

__all__ = ["Display", "GlfwWindow", "displays"]

glfw: Any = _glfw  # its stubs know neither null pointers nor bytes
LOOK_EVERY = 30  # presents between two looks for a display that was unplugged
_ACTIONS = {glfw.PRESS: "press", glfw.RELEASE: "release"}  # a held key's repeats are no edges
_NAMES = {
    value: name.removeprefix("KEY_")
    for name, value in vars(_glfw).items()
    if name.startswith("KEY_") and name not in ("KEY_UNKNOWN", "KEY_LAST")
}


class _Loader:
    """Gives moderngl the functions of glfw's context, be it GLX, EGL (Wayland), WGL or Apple's."""

    def load_opengl_function(self, name: str) -> int:
        return int(glfw.get_proc_address(name) or 0)

    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None: ...

    def release(self) -> None: ...


class GlfwWindow:
    """A window to draw on: bind ``target``, draw ``size`` pixels, ``present``. Esc closes, F fills the screen.

    ``size`` is in pixels of the framebuffer and follows the window; a window asked for with ``size`` has
    that many screen coordinates, which are more pixels on a HiDPI display.
    """

    def __init__(
        self,
        size: tuple[int, int],
        title: str,
        fullscreen: bool = False,
        display: int | str | None = None,
        vsync: bool = True,
    ) -> None:
        """``display`` is a number or part of a name, see ``displays()``; UserError lists them if unknown."""
        acquire()
        try:
            monitor = None if display is None else find(display)
            self._display = None if monitor is None else name_of(monitor)
            self._handle = self._open(check_size(size), title)
            self.ctx = self._context(vsync)
        except BaseException:
            release()
            raise
        self.target = self.ctx.screen
        self.size = size
        self._windowed = (0, 0, *size)  # place and size to come back to from fullscreen
        self._filled = ""  # the display that it fills
        self._lost = ""  # the display that it filled and that has been unplugged
        self._presents = 0
        self._keys: deque[tuple[str, str]] = deque(maxlen=1024)
        self._wants_toggle = False
        self._open_still = True
        self.fullscreen = False
        glfw.set_key_callback(self._handle, self._on_key)
        glfw.set_framebuffer_size_callback(self._handle, lambda *_: self._measure())
        if monitor is not None:
            self._centre_on(monitor)
        if fullscreen:
            self.toggle_fullscreen()
        glfw.show_window(self._handle)
        glfw.poll_events()
        self._measure()
        self.refresh_rate = self._rate()

    def _open(self, size: tuple[int, int], title: str) -> Any:
        for hint, value in (
            (glfw.CONTEXT_VERSION_MAJOR, 3),
            (glfw.CONTEXT_VERSION_MINOR, 3),
            (glfw.OPENGL_PROFILE, glfw.OPENGL_CORE_PROFILE),
            (glfw.OPENGL_FORWARD_COMPAT, True),
            (glfw.DEPTH_BITS, 0),
            (glfw.STENCIL_BITS, 0),
            (glfw.AUTO_ICONIFY, False),  # the wall keeps its picture when the laptop's screen takes the focus
            (glfw.VISIBLE, False),  # until it is where it belongs
        ):
            glfw.window_hint(hint, value)
        handle = glfw.create_window(*size, title, None, None)
        if not handle:
            raise UserError(f"no window with OpenGL 3.3 ({last_error()}): update the graphics driver")
        return handle

    def _context(self, vsync: bool) -> moderngl.Context:
        glfw.make_context_current(self._handle)
        try:
            ctx = moderngl.create_context(require=330, context=_Loader())  # type: ignore[arg-type]
        except Exception as error:  # moderngl raises bare Exception, whatever is missing
            glfw.destroy_window(self._handle)
            raise UserError(f"no OpenGL 3.3 here ({error}): update the graphics driver") from error
        glfw.swap_interval(1 if vsync else 0)
        return ctx

    @property
    def closed(self) -> bool:
        """Whether the performer has closed it."""
        return not self._open_still or bool(glfw.window_should_close(self._handle))

    def present(self, picture: Any = None) -> None:
        """Swap what was drawn to ``target`` onto the screen, then see what the performer did."""
        glfw.swap_buffers(self._handle)
        glfw.poll_events()
        self._presents += 1
        if self._wants_toggle:
            self._wants_toggle, self._lost = False, ""
            self.toggle_fullscreen()
        elif self.fullscreen and not glfw.get_window_monitor(self._handle):
            self._leave_lost_display()
        elif self._lost and self._presents % LOOK_EVERY == 0 and named(self._lost) is not None:
            self._display, self._lost = self._lost, ""
            self.toggle_fullscreen()

    def keys(self) -> tuple[tuple[str, str], ...]:
        """Return (name, "press" | "release") of every key since the last call: ESCAPE, SPACE, F, A, F1, ..."""
        edges = tuple(self._keys)
        self._keys.clear()
        return edges

    def toggle_fullscreen(self) -> None:
        """Fill the display asked for, else the one the window is on; or go back to where it was."""
        if self.fullscreen:
            glfw.set_window_monitor(self._handle, None, *self._windowed, 0)
        else:
            monitor = named(self._display) or self._monitor()
            if monitor is None:
                return
            self._windowed = (*glfw.get_window_pos(self._handle), *glfw.get_window_size(self._handle))
            self._filled = name_of(monitor)
            mode = glfw.get_video_mode(monitor)  # the desktop's own: no mode is switched
            glfw.set_window_monitor(self._handle, monitor, 0, 0, mode.size.width, mode.size.height, mode.refresh_rate)
        self.fullscreen = not self.fullscreen
        self._settle()

    def _leave_lost_display(self) -> None:
        """Be a window again after the display was unplugged; ``present`` goes back when it returns."""
        self._lost, self.fullscreen = self._filled, False
        glfw.set_window_monitor(self._handle, None, *self._windowed, 0)
        self._settle()

    def _settle(self) -> None:
        cursor = glfw.CURSOR_HIDDEN if self.fullscreen else glfw.CURSOR_NORMAL
        glfw.set_input_mode(self._handle, glfw.CURSOR, cursor)
        glfw.focus_window(self._handle)
        glfw.poll_events()
        self._measure()
        self.refresh_rate = self._rate()

    def _centre_on(self, monitor: Any) -> None:
        """Put the window in the middle of a display."""
        left, top, width, height = glfw.get_monitor_workarea(monitor)
        mine = glfw.get_window_size(self._handle)
        glfw.set_window_pos(self._handle, left + max(0, (width - mine[0]) // 2), top + max(0, (height - mine[1]) // 2))

    def _monitor(self) -> Any:
        """Return the monitor that shows most of the window, None if there is no monitor at all."""
        x, y = glfw.get_window_pos(self._handle)
        width, height = glfw.get_window_size(self._handle)

        def shown(monitor: Any) -> int:
            left, top = glfw.get_monitor_pos(monitor)
            mode = glfw.get_video_mode(monitor).size
            across = min(x + width, left + mode.width) - max(x, left)
            down = min(y + height, top + mode.height) - max(y, top)
            return int(max(0, across) * max(0, down))

        return max(monitors(), key=shown, default=None)

    def _rate(self) -> float:
        """Return the refresh rate (Hz) of the display that the window is on."""
        monitor = glfw.get_window_monitor(self._handle) or self._monitor()
        return USUAL_RATE if monitor is None else describe(0, monitor).refresh_rate

    def _measure(self) -> None:
        """Follow the framebuffer's size; a minimised window has none and keeps its last one."""
        width, height = glfw.get_framebuffer_size(self._handle)
        if width > 0 and height > 0:
            self.size = (width, height)
            self.target.viewport = (0, 0, width, height)

    def _on_key(self, _handle: Any, key: int, scancode: int, action: int, _mods: int) -> None:
        if action not in _ACTIONS:
            return
        name = _NAMES.get(key, f"SCANCODE_{scancode}")
        if len(name) == 1 and name.isalpha():  # a letter is the one printed on the key, whatever the layout
            printed = glfw.get_key_name(key, scancode) or ""
            name = printed.upper() if len(printed) == 1 and printed.isascii() and printed.isalpha() else name
        self._keys.append((name, _ACTIONS[action]))
        if action == glfw.PRESS and name == "ESCAPE":
            glfw.set_window_should_close(self._handle, True)
        elif action == glfw.PRESS and name == "F":
            self._wants_toggle = True

    def close(self) -> None:
        """Close the window and its context; a second call does nothing."""
        if self._open_still:
            self._open_still = False
            self.ctx.release()
            glfw.destroy_window(self._handle)
            release()
