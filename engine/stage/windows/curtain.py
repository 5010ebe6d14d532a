"""``python -m engine.stage.windows.curtain``: a picture behind the show's window, for when that window dies.

It fills the display that the show fills, and shows the picture that the show has left in the memory that it shares with
its supervisor, at most a second old. Of a show in a window it takes the window's place when that is gone.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time

import moderngl

from engine.borders.place import Place
from engine.stage.windows import gl_window
from engine.stage.windows.displays import acquire, describe, find, monitors
from engine.stage.windows.glfw_untyped import Handle, glfw
from engine.system import leaving
from engine.system.watch import AWAY, LEAVE, UP, Watch

TITLE = "latentvj: held picture"
LOOK_SECONDS = 0.05  # s; from one look to the next,
HIDDEN_SECONDS = 0.01  # and while the window is hidden: it must be there as soon as the show's is gone
SETTLES = 3  # pictures that are drawn for a new size: Mesa learns of it with the first
VERTEX = """
#version 330 core
out vec2 at;
void main() { at = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0; gl_Position = vec4(at * 2.0 - 1.0, 0.0, 1.0); }
"""
FRAGMENT = """
#version 330 core
uniform sampler2D picture;
in vec2 at;
out vec4 colour;
void main() { colour = vec4(texture(picture, at).rgb, 1.0); }
"""


def hold(watch: Watch, display: str, how: str) -> None:
    """Hold the picture until standard input ends: the supervisor's end of it.

    ``how`` is "late" where the show's window is there already: this one would lie before it, so it waits until that is
    gone. It is "windowed" where the show plays in a window: this one is seen while that is gone, at its place.
    """
    acquire()
    windowed = how == "windowed"
    while how == "late" and not watch.flag(AWAY):
        if select.select([sys.stdin], [], [], LOOK_SECONDS)[0]:
            return
    handle = _window() if windowed else _filling(display)
    ctx = gl_window.context(handle, vsync=False)
    program = ctx.program(vertex_shader=VERTEX, fragment_shader=FRAGMENT)
    triangle = ctx.vertex_array(program, [])
    texture = ctx.texture((1, 1), 4, bytes(4))
    shown, away, place, settles = -1, False, None, 0
    ctx.screen.use()
    glfw.swap_buffers(handle)  # Mesa would stay with the size of a window that is changed before its first picture
    if not windowed:
        glfw.show_window(handle)
    while not select.select([sys.stdin], [], [], HIDDEN_SECONDS if windowed and not away else LOOK_SECONDS)[0]:
        if windowed and watch.place != place:
            place, settles = watch.place, SETTLES
            _lie(handle, place)
        if watch.flag(AWAY) != away:
            away = not away
            _show(handle, away, windowed)
        glfw.poll_events()
        watch.set_flag(UP, True)
        if leaving.lost():  # Mesa would write into requests that Xlib has no room for
            return
        if windowed and not away and not settles:
            continue
        settles = max(0, settles - 1)
        if shown != watch.held_number:
            shown = watch.held_number
            texture = _newest(watch, ctx, texture)
        ctx.screen.use()
        ctx.screen.viewport = (0, 0, *glfw.get_framebuffer_size(handle))
        texture.use()
        triangle.render(vertices=3)
        glfw.swap_buffers(handle)
        if glfw.window_should_close(handle):
            glfw.set_window_should_close(handle, False)
            watch.set_flag(LEAVE, away)
            time.sleep(LOOK_SECONDS)


def _newest(watch: Watch, ctx: moderngl.Context, texture: moderngl.Texture) -> moderngl.Texture:
    """Return a texture with the picture that is held: ``texture``, or another of its size."""
    number, size, pixels = watch.held
    if not number:
        return texture
    if size != texture.size:
        texture.release()
        texture = ctx.texture(size, 4)
    texture.write(pixels)
    return texture


def _window() -> Handle:
    """Return a hidden window without a frame."""
    handle = gl_window.create((64, 64), TITLE)
    glfw.set_window_attrib(handle, glfw.DECORATED, False)
    glfw.set_key_callback(handle, _on_key)
    return handle


def _lie(handle: Handle, place: Place | None) -> None:
    """Put the window where the show's lies."""
    if place is not None:
        glfw.set_window_pos(handle, place.left, place.top)
        glfw.set_window_size(handle, place.width, place.height)


def _show(handle: Handle, away: bool, windowed: bool) -> None:
    """Bring the window up where the show's picture is ``away``; in place of a window it hides again later."""
    if windowed and not away:
        glfw.hide_window(handle)
    elif windowed:
        glfw.show_window(handle)
    elif away:
        glfw.focus_window(handle)  # raises it: another window may have come between


def _filling(display: str) -> Handle:
    """Return a window that fills the display; where none is connected, once one is."""
    while not monitors():
        glfw.wait_events_timeout(LOOK_SECONDS)
    monitor = find(display) if display else monitors()[0]
    size = describe(0, monitor).size
    handle = gl_window.create(size, TITLE)
    glfw.set_input_mode(handle, glfw.CURSOR, glfw.CURSOR_HIDDEN)
    glfw.set_key_callback(handle, _on_key)
    mode = glfw.get_video_mode(monitor)
    glfw.set_window_monitor(handle, monitor, 0, 0, mode.size.width, mode.size.height, mode.refresh_rate)
    return handle


def _on_key(handle: Handle, key: int, _scancode: int, action: int, _mods: int) -> None:
    if key == glfw.KEY_ESCAPE and action == glfw.PRESS:
        glfw.set_window_should_close(handle, True)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGHUP):  # the supervisor ends this process when the show has ended
        signal.signal(number, signal.SIG_IGN)
    try:
        hold(Watch(int(sys.argv[1])), sys.argv[2], "".join(sys.argv[3:]))
    finally:
        os._exit(0)
