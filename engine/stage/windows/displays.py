"""The displays: which are connected, and which one a performer means by a number or a part of a name."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from dataclasses import dataclass

from engine.borders.errors import UserError
from engine.stage.windows.glfw_untyped import Monitor, glfw
from engine.system import leaving

USUAL_RATE = 60.0  # Hz; the rate of a display that does not tell it, such as a virtual one

_uses = 0  # acquired and not yet released


@dataclass(frozen=True, slots=True)
class Display:
    """One monitor: its number and name for ``--display``, its pixels, rate (Hz) and place on the desktop."""

    index: int
    name: str
    size: tuple[int, int]
    refresh_rate: float
    position: tuple[int, int]
    primary: bool


def acquire() -> None:
    """Start glfw if it does not run; UserError where there is no display."""
    global _uses
    glfw.ERROR_REPORTING = "ignore"  # last_error asks for errors, so that none reaches stderr
    if _uses == 0 and not glfw.init():
        raise UserError(f"no display ({_why_not()}): --headless shows nothing, vj render makes a video file")
    if _uses == 0:
        _outlive_the_server()
    _uses += 1


def _outlive_the_server() -> None:
    """Let this process end in order when its X server dies: Xlib would end it on the spot, with films half written."""
    display = glfw.get_x11_display() if sys.platform.startswith("linux") else None
    if not display:
        return
    with contextlib.suppress(OSError, AttributeError):  # before 1.7 Xlib has no function for the second
        xlib = ctypes.CDLL("libX11.so.6")
        xlib.XSetIOErrorExitHandler.restype = None
        xlib.XSetIOErrorExitHandler(ctypes.c_void_p(display), _ON_EXIT, None)
        xlib.XSetIOErrorHandler.restype = ctypes.c_void_p
        xlib.XSetIOErrorHandler(_ON_ERROR)


def _lose_server(_display: int | None, _data: int | None = None) -> int:
    leaving.lose("the display's server")
    return 0


# Kept here: Xlib has only their addresses. It calls the first, then the second, in which it would end the process.
_ON_ERROR = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(_lose_server)
_ON_EXIT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(_lose_server)


def release() -> None:
    """Stop glfw after the last window."""
    global _uses
    _uses -= 1
    if _uses == 0:
        glfw.terminate()


def last_error() -> str:
    """Return glfw's last error, or an empty line."""
    code, text = glfw.get_error()
    return text.decode("utf-8", "replace") if code and text else ""


def _why_not() -> str:
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "neither DISPLAY nor WAYLAND_DISPLAY is set"
    return last_error() or "glfw does not start"


def displays() -> tuple[tuple[Display, ...], str]:
    """Return the displays and, where there is none, why."""
    try:
        acquire()
    except UserError:
        return (), f"no display: {_why_not()}"
    try:
        found = tuple(describe(i, monitor) for i, monitor in enumerate(monitors()))
    finally:
        release()
    return found, "" if found else "no monitor is connected"


def is_connected(name: str) -> bool:
    """Return whether there is a display of exactly that name."""
    return any(display.name == name for display in displays()[0])


def monitors() -> list[Monitor]:
    """Return glfw's handles, the primary monitor first."""
    return list(glfw.get_monitors())


def describe(index: int, monitor: Monitor) -> Display:
    """Return a monitor as a Display."""
    mode = glfw.get_video_mode(monitor)
    return Display(
        index,
        name_of(monitor),
        (mode.size.width, mode.size.height),
        float(mode.refresh_rate) or USUAL_RATE,
        glfw.get_monitor_pos(monitor),
        index == 0,
    )


def name_of(monitor: Monitor) -> str:
    """Return the system's name of a monitor: the connector, or the maker's name."""
    name = glfw.get_monitor_name(monitor)
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def named(name: str | None) -> Monitor | None:
    """Return the monitor of exactly that name; None while it is not connected."""
    return next((monitor for monitor in monitors() if name and name_of(monitor) == name), None)


def find(wanted: int | str) -> Monitor:
    """Return the monitor with that number or name, or with those words in its name; UserError lists the displays."""
    every = [(describe(i, monitor), monitor) for i, monitor in enumerate(monitors())]
    text = str(wanted).strip()
    if text.isdecimal():
        matches = [monitor for display, monitor in every if display.index == int(text)]
    else:
        # The whole name first: DP-1 is a part of eDP-1.
        matches = [monitor for display, monitor in every if display.name.casefold() == text.casefold()] or [
            monitor for display, monitor in every if text and text.casefold() in display.name.casefold()
        ]
    if not matches:
        listed = ", ".join(f"{d.index} {d.name} {d.size[0]}x{d.size[1]}" for d, _ in every) or "none"
        raise UserError(f"no display {text!r}: the displays are {listed}")
    return matches[0]
