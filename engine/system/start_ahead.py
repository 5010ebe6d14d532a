"""Start-up on two cores: what a show will need is fetched while the interpreter still imports. Standard library only.

Most of the way to the first picture is `import torch`, which holds the interpreter's lock. Two things can be done
beside it: mapping and relocating torch's library, and decoding the song. And the collector rests: of what imports
make, nothing is garbage, and looking through it again and again was a tenth of the start.
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
    """Call each of ``loads`` in a thread of its own; what they raise is for whoever asks for the same again."""
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
    """Let the system's loader do its part of `import torch` without the interpreter's lock."""
    found = importlib.util.find_spec("torch")  # looks for it without importing it
    library = Path(found.origin).parent / "lib/libtorch_cpu.so" if found and found.origin else None
    if os.name != "posix" or library is None or not library.is_file():
        return
    # ctypes' own dlopen keeps the lock; the C library's, called as any function, does not.
    opened = ctypes.CDLL(None).dlopen
    opened.argtypes, opened.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
    opened(os.fsencode(library), os.RTLD_LAZY)
