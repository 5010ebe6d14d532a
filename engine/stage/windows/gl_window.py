"""The parts of a window on the screen: a glfw handle with OpenGL 3.3, and the few calls that moderngl lacks."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import moderngl

from engine.borders.errors import UserError
from engine.stage.windows.displays import last_error
from engine.stage.windows.glfw_untyped import Handle, glfw

READ_FRAMEBUFFER, COLOUR, NEAREST, LINEAR = 0x8CA8, 0x4000, 0x2600, 0x2601
SYNC_COMPLETE, FLUSH_FIRST = 0x9117, 0x1
TEXTURE_2D = 0x0DE1
ODD = (24, 13)  # pixels; sizes that are no powers of two have mipmaps of another making, and this one is among them
PATIENCE = 100_000_000  # ns; the longest wait for a frame, since a driver that hangs must not hang the show
NAMES = {
    value: name.removeprefix("KEY_")
    for name, value in vars(glfw).items()
    if name.startswith("KEY_") and name not in ("KEY_UNKNOWN", "KEY_LAST")
}


class _Loader:
    """Gives moderngl the functions of glfw's context: GLX, EGL (Wayland), WGL or Apple's."""

    def load_opengl_function(self, name: str) -> int:
        return int(glfw.get_proc_address(name) or 0)

    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None: ...

    def release(self) -> None: ...


def create(size: tuple[int, int], title: str, share: Handle | None = None) -> Handle:
    """Return the handle of a new window, still invisible; UserError where there is no OpenGL 3.3.

    ``share`` is another window's handle: both then have their textures in common, and the new window does not take the
    keyboard.
    """
    glfw.default_window_hints()
    for hint, value in (
        (glfw.CONTEXT_VERSION_MAJOR, 3),
        (glfw.CONTEXT_VERSION_MINOR, 3),
        (glfw.OPENGL_PROFILE, glfw.OPENGL_CORE_PROFILE),
        (glfw.OPENGL_FORWARD_COMPAT, True),
        (glfw.DEPTH_BITS, 0),
        (glfw.STENCIL_BITS, 0),
        (glfw.AUTO_ICONIFY, False),  # the wall keeps its picture while a window on the laptop has the focus
        (glfw.FOCUS_ON_SHOW, share is None),
        (glfw.VISIBLE, False),  # until it is at its place
    ):
        glfw.window_hint(hint, value)
    handle = glfw.create_window(*size, title, None, share)
    if not handle:
        raise UserError(f"no window with OpenGL 3.3 ({last_error()}): update the graphics driver")
    return handle


def context(handle: Handle, vsync: bool) -> moderngl.Context:
    """Make the window's context current and return it; a window that has none is destroyed."""
    glfw.make_context_current(handle)
    try:
        ctx = moderngl.create_context(require=330, context=_Loader())  # type: ignore[arg-type]
    except Exception as error:  # moderngl raises no narrower one
        destroy(handle)
        raise UserError(f"no OpenGL 3.3 here ({error}): update the graphics driver") from error
    glfw.swap_interval(1 if vsync else 0)
    return ctx


def destroy(handle: Handle) -> None:
    """Close a window for good."""
    glfw.destroy_window(handle)


def key_name(key: int, scancode: int) -> str:
    """Return the name of a key; a letter is the letter printed on it, in every layout."""
    name: str = NAMES.get(key, f"SCANCODE_{scancode}")
    if len(name) == 1 and name.isalpha():
        printed = glfw.get_key_name(key, scancode) or ""
        name = printed.upper() if len(printed) == 1 and printed.isascii() and printed.isalpha() else name
    return name


def cursor_at(handle: Handle) -> tuple[float, float]:
    """Return where the mouse is: pixels of the framebuffer from the top left, more than glfw's own on HiDPI."""
    x, y = glfw.get_cursor_pos(handle)
    wide, high = glfw.get_window_size(handle)
    pixels = glfw.get_framebuffer_size(handle)
    return x * pixels[0] / max(1, wide), y * pixels[1] / max(1, high)


class Calls:
    """OpenGL's calls for copying to the screen and for waiting, in the current context."""

    def __init__(self) -> None:
        pointer, number, big = ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint64
        corners = [ctypes.c_int] * 8
        self._bind = _call("glBindFramebuffer", None, number, number)
        self._blit = _call("glBlitFramebuffer", None, *corners, number, number)
        self._fence = _call("glFenceSync", pointer, number, number)
        self._wait = _call("glClientWaitSync", number, pointer, number, big)
        self._delete = _call("glDeleteSync", None, pointer)
        self._mipmaps = _call("glGenerateMipmap", None, number)
        self._last: int | None = None

    def copy(self, source: moderngl.Framebuffer, to: moderngl.Framebuffer) -> None:
        """Copy all of ``source`` to all of ``to``, enlarged or reduced, inside the GPU."""
        to.use()
        self._bind(READ_FRAMEBUFFER, source.glo)
        (wide, high), (across, down) = source.viewport[2:], to.viewport[2:]
        self._blit(0, 0, wide, high, 0, 0, across, down, COLOUR, NEAREST if (wide, high) == (across, down) else LINEAR)
        self._bind(READ_FRAMEBUFFER, to.glo)

    def warm(self, ctx: moderngl.Context) -> None:
        """Let a processor that draws compile how mipmaps are made, which takes it a tenth of a second.

        Other threads may import meanwhile: a call by ctypes does not hold Python's lock, as moderngl's does.
        """
        texture = ctx.texture(ODD, 4)
        texture.use()
        self._mipmaps(TEXTURE_2D)
        texture.release()

    def queue(self) -> None:
        """Mark the end of a frame and wait for the frame before it: the driver never has more than one to do."""
        before, self._last = self._last, self._fence(SYNC_COMPLETE, 0)
        if before:
            self._wait(before, FLUSH_FIRST, PATIENCE)
            self._delete(before)


def _call(name: str, returns: type | None, *arguments: type) -> Callable[..., Any]:
    return ctypes.CFUNCTYPE(returns, *arguments)(int(glfw.get_proc_address(name) or 0))
