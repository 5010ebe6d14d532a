"""``python -m engine.stage.windows.curtain``: a picture behind the show's window, for when that window dies.

It fills the display that the show fills, and shows the picture that the show has left in the memory that it shares with
its supervisor, at most a second old.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time

from engine.stage.windows import gl_window
from engine.stage.windows.displays import acquire, describe, find, monitors
from engine.stage.windows.glfw_untyped import Handle, glfw
from engine.system.watch import AWAY, LEAVE, UP, Watch

LOOK_SECONDS = 0.05  # s; from one look to the next
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


def hold(watch: Watch, display: str, late: bool) -> None:
    """Hold the picture until standard input ends: the supervisor's end of it.

    ``late``: the show's window is there already, and this one would lie before it, so it waits until that is gone.
    """
    acquire()
    while late and not watch.flag(AWAY):
        if select.select([sys.stdin], [], [], LOOK_SECONDS)[0]:
            return
    handle = _open(display)
    ctx = gl_window.context(handle, vsync=False)
    program = ctx.program(vertex_shader=VERTEX, fragment_shader=FRAGMENT)
    triangle = ctx.vertex_array(program, [])
    texture = ctx.texture((1, 1), 4, bytes(4))
    shown, away = -1, False
    glfw.show_window(handle)
    while not select.select([sys.stdin], [], [], LOOK_SECONDS)[0]:
        if watch.flag(AWAY) and not away:
            glfw.focus_window(handle)  # raises it: another window may have come between
        away = watch.flag(AWAY)
        if shown != watch.held_number:
            shown, size, pixels = watch.held
            if size != texture.size and shown:
                texture.release()
                texture = ctx.texture(size, 4)
            if shown:
                texture.write(pixels)
        ctx.screen.use()
        ctx.screen.viewport = (0, 0, *glfw.get_framebuffer_size(handle))
        texture.use()
        triangle.render(vertices=3)
        glfw.swap_buffers(handle)
        glfw.poll_events()
        watch.set_flag(UP, True)
        if glfw.window_should_close(handle):
            glfw.set_window_should_close(handle, False)
            watch.set_flag(LEAVE, away)
            time.sleep(LOOK_SECONDS)


def _open(display: str) -> Handle:
    """Return a window that fills the display."""
    monitor = find(display) if display else monitors()[0]
    size = describe(0, monitor).size
    handle = gl_window.create(size, "latentvj: held picture")
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
        hold(Watch(int(sys.argv[1])), sys.argv[2], "late" in sys.argv[3:])
    finally:
        os._exit(0)
