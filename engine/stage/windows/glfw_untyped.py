"""GLFW without its type stubs, which know neither null pointers nor bytes. Importing it looks for the library.

Left to itself, glfw tries twenty folders, starts a Python for each library that it finds there to ask for its version,
and reads the grammar of C for pointers of Vulkan that come from cffi. Its wheel has the library: that one is named to
it, where it is there, and cffi is kept from it.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

NAMED = "PYGLFW_LIBRARY"  # the variable of the environment that names glfw's library
VARIANT = "PYGLFW_LIBRARY_VARIANT"


def own_library() -> str:
    """Return the library in glfw's wheel for this session, X11's or Wayland's; "" where there is none that loads."""
    found = importlib.util.find_spec("glfw")
    session = "wayland" if os.environ.get("XDG_SESSION_TYPE") == "wayland" else "x11"
    asked = os.environ.get(VARIANT, "").lower()
    kind = asked if asked in ("wayland", "x11") else session
    path = Path(found.origin).parent / kind / "libglfw.so" if found and found.origin else None
    if not sys.platform.startswith("linux") or path is None or not path.is_file():
        return ""
    try:
        ctypes.CDLL(str(path))
    except OSError:
        return ""
    return str(path)


@contextlib.contextmanager
def _short_of_searches() -> Iterator[None]:
    """Let glfw be imported without a search and without cffi; the process is as before afterwards."""
    # Where sounddevice plays, which is elsewhere, another thread may be about to import cffi.
    without = sys.platform.startswith("linux") and "cffi" not in sys.modules
    name = "" if os.environ.get(NAMED) else own_library()
    if without:
        sys.modules["cffi"] = None  # type: ignore[assignment]  # Python's own way to say that there is none
    if name:
        os.environ[NAMED] = name
    try:
        yield
    finally:
        if without:
            del sys.modules["cffi"]
        if name:
            del os.environ[NAMED]


with _short_of_searches():
    import glfw as _glfw

glfw: Any = _glfw
Handle: TypeAlias = Any  # glfw's pointer to a window
Monitor: TypeAlias = Any  # glfw's pointer to a monitor
