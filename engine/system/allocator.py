"""Settings of the C library that make a generator on the CPU fast; apply them before torch is imported.

glibc returns every large block (above 128 KB to 32 MB) to the system when it is freed, and gets it again, page by
page, for the next layer. A 1024-px frame spends up to two thirds of its time on that. In GNU's OpenMP, threads that
wait for each other keep their cores busy for milliseconds. With another program running (sound, a browser), that made
small models ten times slower than with threads that sleep. Standard library only.

What is kept has holes: where a model was, small blocks come to lie, and the next model needs a new place. A show of an
hour and a half grew by 10 to 60 MB at a time; so its free memory is given back after each cue, and where a
slit-scan has ended, whose ring lingers after its cue.
"""

from __future__ import annotations

import ctypes
import functools
import math
import os
import sys
import threading
import time
from collections.abc import Callable

# Numbers of mallopt's settings, from malloc.h. A threshold that a program sets no longer adapts itself.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -2, -3, -4, -8
TRIM_THRESHOLD = 2**31 - 1  # bytes; free space at the heap's end that glibc keeps (the largest int of mallopt)
MMAP_THRESHOLD = 2**30  # bytes; a block up to this size comes from the heap, a larger one from the system
TOP_PAD = 2**26  # bytes; the heap grows by this much more than it needs
GIVE_BACK_SECONDS = 1.0  # s after a cue; the model before has been let go by then
ARENAS = 1  # heaps, one for all threads: of any other the free end is never given back (`systrim` is the main one's)
_DUE: set[int] = set()  # monotonic s at which a thread gives memory back, whole seconds: one is enough for all
_DUES = threading.Lock()


def tune_allocator() -> str:
    """Make glibc keep freed memory and idle threads sleep; return one line for the log.

    With another C library it changes nothing. A value of OMP_WAIT_POLICY or OPENBLAS_NUM_THREADS that is set stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch's OpenMP library reads it when it loads
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's products here are small: threads slow them down
    if not sys.platform.startswith("linux"):
        return f"allocator: {sys.platform}'s own, left as it is"
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version.restype = ctypes.c_char_p
        version = library.gnu_get_libc_version().decode()
        mallopt = library.mallopt
    except (OSError, AttributeError):  # musl and other C libraries lack these functions
        return "allocator: not glibc, left as it is"
    mallopt.argtypes, mallopt.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_int
    # Older versions refuse a threshold above 32 MB. Allowing no blocks from the system has the same effect.
    large = mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD) or mallopt(M_MMAP_MAX, 0)
    kept = mallopt(M_TRIM_THRESHOLD, TRIM_THRESHOLD) and mallopt(M_TOP_PAD, TOP_PAD)
    if not (large and kept and mallopt(M_ARENA_MAX, ARENAS)):
        return f"allocator: glibc {version} refused the settings, left as it is"
    return f"allocator: glibc {version} keeps large blocks for the next frame"


def give_back_soon(after: float = 0.0) -> threading.Thread | None:
    """Return the C library's free memory to the system, a second or two later than ``after`` seconds from now.

    A thread does it. The frames that follow get the pages that they need anew, which costs some milliseconds once.
    None where another thread does it in the same second, or the library is not glibc.
    """
    if not sys.platform.startswith("linux"):
        return None
    trim = _trim()
    due = math.ceil(time.monotonic() + after + GIVE_BACK_SECONDS)
    with _DUES:
        if trim is None or due in _DUE:
            return None
        _DUE.add(due)

    def give_back() -> None:
        time.sleep(max(0.0, due - time.monotonic()))
        with _DUES:
            _DUE.discard(due)  # what is freed from here on is another call's
        trim(0)  # without the GIL

    thread = threading.Thread(target=give_back, name="give back", daemon=True)
    thread.start()
    return thread


@functools.cache
def _trim() -> Callable[[int], int] | None:
    """Return the C library's ``malloc_trim``, where it has one. ctypes makes classes for each library that it opens."""
    found: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return found
