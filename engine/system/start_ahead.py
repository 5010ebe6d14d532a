"""A start-up on two cores: threads load what a show needs while the main thread still imports. Standard library only.

`import torch` takes most of the time to the first picture, and it holds the GIL. Two things can run beside it: mapping
and relocating torch's library, and decoding the song. The garbage collector is off meanwhile: imports make no
garbage, and its searches took a tenth of the start-up.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib.util
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def fetching(*loads: Callable[[], object]) -> Iterator[None]:
    """Call each of ``loads`` in its own thread while the block runs.

    Their errors are dropped: the part that later needs the same thing loads it and raises the error.
    """
    collects = gc.isenabled()
    gc.disable()
    for load in (_map_torch, *loads):
        threading.Thread(target=_quietly, args=(load,), name="fetch ahead", daemon=True).start()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _quietly(load: Callable[[], object]) -> None:
    with contextlib.suppress(Exception):
        load()


def _map_torch() -> None:
    """Load torch's library without the GIL, so that `import torch` finds it in memory."""
    found = importlib.util.find_spec("torch")  # finds it without importing it
    library = Path(found.origin).parent / "lib/libtorch_cpu.so" if found and found.origin else None
    if os.name != "posix" or library is None or not library.is_file():
        return
    # dlopen by ctypes.CDLL holds the GIL; the C library's dlopen, called as a function, releases it.
    opened = ctypes.CDLL(None).dlopen
    opened.argtypes, opened.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
    opened(os.fsencode(library), os.RTLD_LAZY)
