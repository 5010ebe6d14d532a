"""A virtual display whose cable is pulled, by X's RandR extension."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from tests.parts import need


class CrtcInfo(ctypes.Structure):
    """Xlib's XRRCrtcInfo, as far as it is used."""

    _fields_: ClassVar = [
        ("timestamp", ctypes.c_ulong), ("x", ctypes.c_int), ("y", ctypes.c_int), ("width", ctypes.c_uint),
        ("height", ctypes.c_uint), ("mode", ctypes.c_ulong), ("rotation", ctypes.c_ushort),
        ("noutput", ctypes.c_int), ("outputs", ctypes.POINTER(ctypes.c_ulong)),
    ]  # fmt: skip


class Resources(ctypes.Structure):
    """Xlib's XRRScreenResources, as far as it is used."""

    _fields_: ClassVar = [
        ("timestamp", ctypes.c_ulong), ("config", ctypes.c_ulong), ("ncrtc", ctypes.c_int),
        ("crtcs", ctypes.POINTER(ctypes.c_ulong)),
    ]  # fmt: skip


@contextmanager
def unplugged(display: str) -> Iterator[None]:
    """Switch the display's only output off, as pulling its cable does, and on again."""
    need("libXrandr")
    x, xrandr = ctypes.CDLL("libX11.so.6"), ctypes.CDLL("libXrandr.so.2")
    x.XOpenDisplay.restype = ctypes.c_void_p
    x.XDefaultRootWindow.restype = ctypes.c_ulong
    xrandr.XRRGetScreenResources.restype = ctypes.POINTER(Resources)
    xrandr.XRRGetCrtcInfo.restype = ctypes.POINTER(CrtcInfo)
    server = ctypes.c_void_p(x.XOpenDisplay(display.encode()))
    resources = xrandr.XRRGetScreenResources(server, ctypes.c_ulong(x.XDefaultRootWindow(server)))
    crtc = ctypes.c_ulong(resources.contents.crtcs[0])
    info = xrandr.XRRGetCrtcInfo(server, resources, crtc).contents

    def switch(mode: int, outputs: Any, count: int) -> None:
        now, none = ctypes.c_ulong(0), ctypes.c_int(0)
        xrandr.XRRSetCrtcConfig(
            server, resources, crtc, now, none, none, ctypes.c_ulong(mode), ctypes.c_ushort(1), outputs, count
        )
        x.XSync(server, 0)

    switch(0, None, 0)
    try:
        yield
    finally:
        switch(info.mode, info.outputs, info.noutput)
        x.XCloseDisplay(server)
