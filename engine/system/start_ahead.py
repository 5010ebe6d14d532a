"""A start-up on two cores: threads load what a show needs while the main thread still imports. Standard library only.

`import torch` takes most of the time to the first picture, and most of that holds the GIL. Three things can run beside
it: mapping and relocating torch's library, decoding the song, and whatever of opening a window is not Python. The
garbage collector is off meanwhile: imports make no garbage, and its searches took a tenth of the start-up.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from engine.system import torch_import

SWITCH = 0.002  # seconds; a thread that comes back from the system waits no longer for one that imports
_mapping: threading.Thread | None = None  # maps torch's library


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Let the block import what a show needs, but for torch, whose library is mapped meanwhile."""
    global _mapping
    torch_import.lighten()
    with _no_collector():
        if _mapping is None and "torch" not in sys.modules:
            _mapping = _start(_map_torch)
        yield


@contextlib.contextmanager
def fetching(*loads: Callable[[], object]) -> Iterator[None]:
    """Call each of ``loads`` in its own thread while the block runs, and import torch in another.

    Their errors are dropped: the part that later needs the same thing loads it and raises the error. The threads of
    ``loads`` are started first: none can be while a library is being mapped.
    """
    interval = sys.getswitchinterval()
    torch_import.lighten()
    with _no_collector():
        sys.setswitchinterval(SWITCH)
        for load in (*loads, _import_torch):
            _start(load)
        try:
            yield
        finally:
            sys.setswitchinterval(interval)


@contextlib.contextmanager
def _no_collector() -> Iterator[None]:
    """Let the collector rest. In a new process it never looks at what was loaded: that stays."""
    collects, new = gc.isenabled(), "torch" not in sys.modules
    gc.disable()
    try:
        yield
    finally:
        if new:
            gc.freeze()
        if collects:
            gc.enable()


def _start(load: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=_quietly, args=(load,), name="fetch ahead", daemon=True)
    thread.start()
    return thread


def _quietly(load: Callable[[], object]) -> None:
    with contextlib.suppress(Exception):
        load()


def _import_torch() -> None:
    os.environ.setdefault("TORCH_DEVICE_BACKEND_AUTOLOAD", "0")  # it would look through every package installed
    if _mapping is None:
        _map_torch()
    else:
        _mapping.join()
    importlib.import_module("torch")


def _map_torch() -> None:
    """Load torch's library without the GIL, so that `import torch` finds it in memory."""
    import ctypes  # not in a command that shows nothing

    found = importlib.util.find_spec("torch")  # finds it without importing it
    library = Path(found.origin).parent / "lib/libtorch_cpu.so" if found and found.origin else None
    if os.name != "posix" or library is None or not library.is_file():
        return
    # dlopen by ctypes.CDLL holds the GIL; the C library's dlopen, called as a function, releases it.
    opened = ctypes.CDLL(None).dlopen
    opened.argtypes, opened.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
    opened(os.fsencode(library), os.RTLD_LAZY)
