"""The window on the screen: glfw, an OpenGL 3.3 core context, keys, and fullscreen on the display asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import moderngl
import numpy as np

from engine.borders.contracts import Drawn, Pixels
from engine.borders.place import Place
from engine.stage.passes.canvas import Canvas, in_software
from engine.stage.windows import gl_window
from engine.stage.windows.displays import (
    USUAL_RATE,
    Display,
    acquire,
    describe,
    displays,
    find,
    monitors,
    name_of,
    named,
    release,
)
from engine.stage.windows.glfw_untyped import Handle, Monitor, glfw
from engine.stage.windows.headless import check_size
from engine.system import leaving

__all__ = ["Display", "GlfwWindow", "displays"]

LOOK_EVERY = 30  # presents between two looks for an unplugged display
_ACTIONS = {glfw.PRESS: "press", glfw.RELEASE: "release"}  # the repeats of a held key do not count


class GlfwWindow:
    """A window to draw on: bind ``target``, draw ``size`` pixels, ``present``. Esc closes, F fills the screen.

    ``size`` is in pixels of the framebuffer and follows the window. The ``size`` that it is opened with is in screen
    coordinates, which are more pixels on a HiDPI display. After ``present`` the picture can be read from ``target``
    until the next frame is drawn.
    """

    def __init__(
        self,
        size: tuple[int, int],
        title: str,
        fullscreen: bool = False,
        display: int | str | None = None,
        vsync: bool = True,
        late: bool = False,
        awaited: str = "",
        place: Place | None = None,
    ) -> None:
        """``display`` is a number or a part of a name, see ``displays()``; UserError lists the displays.

        ``late``: the window stays hidden until its first picture, so that what lies behind it is seen until then.
        ``awaited``: the name of a display that the window fills as soon as it is connected.
        ``place``: where it lay in a show that died.
        """
        acquire()
        try:
            monitor = None if display is None else find(display)
            self._display = None if monitor is None else name_of(monitor)
            # Mesa learns of a changed size with the first swap; the first picture would lie beside the window.
            check_size(size)
            self.handle = gl_window.create(_filling(monitor, size) if late and fullscreen else size, title)
            self.ctx = gl_window.context(self.handle, vsync)
        except BaseException:
            release()
            raise
        self._calls = gl_window.Calls()
        self.size = size
        self.ctx.screen.viewport = (0, 0, *size)
        # A GPU may swap its back buffer away: with a GPU the picture is drawn to a texture and copied.
        self._software = in_software(self.ctx)
        if self._software:
            self._calls.warm(self.ctx)
        self._canvas = Canvas.make(self.ctx, (16, 16) if self._software else size, "f1")
        self._vsync = vsync
        self._outgrown: list[Canvas] = []  # of earlier sizes, which a reader may still read in this frame
        self._windowed = (0, 0, *size)  # place and size to come back to from fullscreen
        self._filled = ""  # the display that the window fills
        self._lost = awaited  # the display to fill when it comes: the window filled it when it was unplugged
        self._presents = 0
        self._keys: deque[tuple[str, str]] = deque(maxlen=1024)
        self._clicks: deque[tuple[float, float]] = deque(maxlen=64)
        self._dropped: deque[str] = deque(maxlen=1024)
        self._pointing = False
        self.typing = False  # from a slash to Enter or Escape: letters are text, and Escape closes nothing
        self._wants_toggle = False
        self._open_still = True
        self.fullscreen = False
        glfw.set_key_callback(self.handle, self.on_key)
        glfw.set_char_callback(self.handle, self.on_character)
        glfw.set_mouse_button_callback(self.handle, self._on_button)
        glfw.set_drop_callback(self.handle, self.on_drop)
        glfw.set_framebuffer_size_callback(self.handle, lambda *_: self._measure())
        if monitor is not None:
            self._centre_on(monitor)
        if place is not None and not fullscreen:
            glfw.set_window_pos(self.handle, place.left, place.top)
            if place.full:  # by the key F, on the display where it lies
                self.toggle_fullscreen()
            else:
                glfw.set_window_size(self.handle, place.width, place.height)
        if fullscreen:
            self.toggle_fullscreen()
            self._windowed = (*self._windowed[:2], *size)
        self._homeless = fullscreen and not self.fullscreen  # no display is there: it fills the first that comes
        self._hidden = late
        if not late:
            glfw.show_window(self.handle)
        glfw.poll_events()
        self._measure()
        self.refresh_rate = self._rate()

    @property
    def target(self) -> Drawn:
        """What to draw to; another framebuffer after the window has changed its size."""
        return self.ctx.screen if self._software else self._canvas.framebuffer

    @property
    def wall(self) -> GlfwWindow:
        """The window itself: people see it."""
        return self

    def reduce(self, into: Drawn) -> None:
        """Copy the picture that was presented to ``into``, enlarged or reduced, on the GPU."""
        self._calls.copy(self.target, into)

    def preview(self, size: tuple[int, int]) -> moderngl.Texture:
        """Return the last picture as a texture for a window that shares the context; in software of ``size``."""
        if self._software:
            if self._canvas.texture.size != size:
                self._canvas.release()
                self._canvas = Canvas.make(self.ctx, size, "f1")
            self._calls.copy(self.ctx.screen, self._canvas.framebuffer)
        return self._canvas.texture

    @property
    def display(self) -> str:
        """The name of the display that shows the window; empty where there is none."""
        monitor = glfw.get_window_monitor(self.handle) or self._monitor()
        return "" if monitor is None else name_of(monitor)

    @property
    def place(self) -> Place:
        """Where it lies on the desktop, now."""
        left, top = glfw.get_window_pos(self.handle)
        width, height = glfw.get_window_size(self.handle)
        return Place(left, top, width, height, self.fullscreen)

    @property
    def closed(self) -> bool:
        """Whether the performer has closed it."""
        return not self._open_still or bool(glfw.window_should_close(self.handle))

    def present(self, picture: Drawn | None = None) -> None:
        """Bring the picture in ``target`` onto the screen, then take keys, clicks and changes of the display."""
        if leaving.lost():  # the show ends after this frame; Mesa would write into requests that Xlib has no room for
            return
        if self._hidden:
            self._hidden = False
            glfw.show_window(self.handle)
        while self._outgrown:
            self._outgrown.pop().release()
        if not self._software:
            self._calls.copy(self._canvas.framebuffer, self.ctx.screen)
        glfw.swap_buffers(self.handle)
        self._calls.queue()
        glfw.poll_events()
        self._presents += 1
        if self._wants_toggle:
            self._wants_toggle, self._lost, self._homeless = False, "", False
            self.toggle_fullscreen()
        elif self.fullscreen and not glfw.get_window_monitor(self.handle):
            self._leave_lost_display()
        elif self._lost and self._presents % LOOK_EVERY == 0 and named(self._lost) is not None:
            self._display, self._lost = self._lost, ""
            self.toggle_fullscreen()
        elif self._homeless and self._presents % LOOK_EVERY == 0 and monitors():
            self._homeless = False
            self.toggle_fullscreen()

    def read_rgba(self) -> Pixels:
        """Return what was drawn last, uint8 [H, W, 4], top row first."""
        width, height = self.size
        raw = self.target.read(components=4)
        return np.frombuffer(raw, np.uint8).reshape(height, width, 4)[::-1]

    def keys(self) -> tuple[tuple[str, str], ...]:
        """Return (name, "press" | "release") of every key since the last call, and (character, "type")."""
        edges = tuple(self._keys)
        self._keys.clear()
        return edges

    @property
    def paced(self) -> bool:
        """Whether ``present`` waits for the display."""
        return self._vsync and not self._software

    def waiting(self) -> bool:
        """Return whether a key or a click has come since ``keys`` and ``clicks`` were called."""
        glfw.poll_events()
        return bool(self._keys or self._clicks)

    def clicks(self) -> tuple[tuple[float, float], ...]:
        """Return where the mouse was clicked since the last call: pixels of ``size`` from the top left."""
        clicks = tuple(self._clicks)
        self._clicks.clear()
        return clicks

    def point(self, on: bool) -> None:
        """Show the mouse's arrow in fullscreen as well, while there is something to click."""
        if on != self._pointing:
            self._pointing = on
            self._set_cursor()

    def toggle_fullscreen(self) -> None:
        """Fill the display asked for, or else the display that the window is on; or become a window again."""
        if self.fullscreen:
            glfw.set_window_monitor(self.handle, None, *self._windowed, 0)
        else:
            monitor = named(self._display) or self._monitor()
            if monitor is None:
                return
            self._windowed = (*glfw.get_window_pos(self.handle), *glfw.get_window_size(self.handle))
            self._filled = name_of(monitor)
            mode = glfw.get_video_mode(monitor)  # the desktop's own: no mode is switched
            glfw.set_window_monitor(self.handle, monitor, 0, 0, mode.size.width, mode.size.height, mode.refresh_rate)
        self.fullscreen = not self.fullscreen
        self._settle()

    def _leave_lost_display(self) -> None:
        """Become a window again after the display was unplugged; ``present`` fills it again when it returns."""
        self._lost, self.fullscreen = self._filled, False
        glfw.set_window_monitor(self.handle, None, *self._windowed, 0)
        self._settle()

    def _settle(self) -> None:
        self._set_cursor()
        glfw.focus_window(self.handle)
        glfw.poll_events()
        self._measure()
        self.refresh_rate = self._rate()

    def _set_cursor(self) -> None:
        hidden = self.fullscreen and not self._pointing
        glfw.set_input_mode(self.handle, glfw.CURSOR, glfw.CURSOR_HIDDEN if hidden else glfw.CURSOR_NORMAL)

    def _centre_on(self, monitor: Monitor) -> None:
        """Put the window in the middle of a monitor."""
        left, top, width, height = glfw.get_monitor_workarea(monitor)
        mine = glfw.get_window_size(self.handle)
        glfw.set_window_pos(self.handle, left + max(0, (width - mine[0]) // 2), top + max(0, (height - mine[1]) // 2))

    def _monitor(self) -> Monitor | None:
        """Return the monitor that shows most of the window; None where there is no monitor."""
        x, y = glfw.get_window_pos(self.handle)
        width, height = glfw.get_window_size(self.handle)

        def shown(monitor: Monitor) -> int:
            left, top = glfw.get_monitor_pos(monitor)
            mode = glfw.get_video_mode(monitor).size
            across = min(x + width, left + mode.width) - max(x, left)
            down = min(y + height, top + mode.height) - max(y, top)
            return int(max(0, across) * max(0, down))

        return max(monitors(), key=shown, default=None)

    def _rate(self) -> float:
        """Return the refresh rate (Hz) of the display that shows the window."""
        monitor = glfw.get_window_monitor(self.handle) or self._monitor()
        return USUAL_RATE if monitor is None else describe(0, monitor).refresh_rate

    def _measure(self) -> None:
        """Follow the framebuffer's size. A minimised window has no size and keeps its last one."""
        width, height = glfw.get_framebuffer_size(self.handle)
        if width > 0 and height > 0 and (width, height) != self.size:
            self.size = (width, height)
            self.ctx.screen.viewport = (0, 0, width, height)
            if not self._software:
                self._outgrown.append(self._canvas)
                self._canvas = Canvas.make(self.ctx, self.size, "f1")
                self._canvas.framebuffer.clear()

    def on_key(self, _handle: Handle, key: int, scancode: int, action: int, _mods: int) -> None:
        """Take a key, as glfw reports it, of this window or of the operator's."""
        if action not in _ACTIONS:
            return
        name = gl_window.key_name(key, scancode)
        self._keys.append((name, _ACTIONS[action]))
        if self.typing:
            if action == glfw.PRESS and name in ("ENTER", "KP_ENTER", "ESCAPE"):
                self.typing = False
        elif action == glfw.PRESS and name == "ESCAPE":
            glfw.set_window_should_close(self.handle, True)
        elif action == glfw.PRESS and name == "F":
            self._wants_toggle = True

    def on_character(self, _handle: Handle, code: int) -> None:
        """Take a typed character, as glfw reports it, of this window or of the operator's.

        Only text counts, from its slash on, and the question mark: keys of other layouts have them elsewhere.
        """
        character = chr(code)
        self.typing = self.typing or character == "/"
        if self.typing or character == "?":
            self._keys.append((character, "type"))

    def on_drop(self, _handle: Handle, paths: Sequence[str]) -> None:
        """Take files, as glfw reports them, that were dropped on this window or on the operator's."""
        self._dropped.extend(paths)

    def dropped(self) -> tuple[str, ...]:
        """Return the files that were dropped since the last call, in order."""
        found = tuple(self._dropped)
        self._dropped.clear()
        return found

    def _on_button(self, _handle: Handle, button: int, action: int, _mods: int) -> None:
        if button == glfw.MOUSE_BUTTON_LEFT and action == glfw.PRESS:
            self._clicks.append(gl_window.cursor_at(self.handle))

    def abort(self) -> None:
        """Close the window, which keeps nothing anyway."""
        self.close()

    def close(self) -> None:
        """Close the window and its context; a second call does nothing."""
        if self._open_still:
            self._open_still = False
            self.ctx.release()
            gl_window.destroy(self.handle)
            release()


def _filling(monitor: Monitor | None, usual: tuple[int, int]) -> tuple[int, int]:
    """Return the size that fills a display, the first one's where none is asked for; ``usual`` where there is none."""
    if (found := monitor or next(iter(monitors()), None)) is None:
        return usual
    size = glfw.get_video_mode(found).size
    return size.width, size.height
