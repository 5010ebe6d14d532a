"""Settings of the C library that a generator on the CPU needs; import and call before torch.

glibc hands every block above 128 KB–32 MB straight back to the system when it is freed and fetches it anew, page
by page, for the next layer. A 1024-px frame spends up to two thirds of its time there. GNU's OpenMP lets threads
that wait for each other burn their cores for milliseconds: with anything else running (sound, a browser), small
models became ten times slower than with threads that sleep. Standard library only.
"""

from __future__ import annotations

import ctypes
import os
import sys

# From malloc.h. Set by program, the thresholds also stop adapting themselves.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -2, -3, -4
KEEP = 2**31 - 1  # bytes free at the heap's end before any go back: the largest int, for mallopt takes ints
LARGEST = 2**30  # bytes up to which a block comes from the heap and not from the system
TOP_PAD = 2**26  # bytes fetched ahead whenever the heap grows


def tune_allocator() -> str:
    """Make glibc keep what it has and idle threads sleep; return one line for the log.

    Harmless where the C library is another; an OMP_WAIT_POLICY that the user has set is respected.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch loads its OpenMP library
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's products here are small: threads only get in the way
    if not sys.platform.startswith("linux"):
        return f"allocator: {sys.platform}'s own, left as it is"
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version.restype = ctypes.c_char_p
        version = library.gnu_get_libc_version().decode()
        mallopt = library.mallopt
    except (OSError, AttributeError):  # musl and others have no such thing
        return "allocator: not glibc, left as it is"
    mallopt.argtypes, mallopt.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_int
    # Older versions refuse a threshold above 32 MB; no separate blocks at all is what it comes to.
    large = mallopt(M_MMAP_THRESHOLD, LARGEST) or mallopt(M_MMAP_MAX, 0)
    if not (large and mallopt(M_TRIM_THRESHOLD, KEEP) and mallopt(M_TOP_PAD, TOP_PAD)):
        return f"allocator: glibc {version} refused the settings, left as it is"
    return f"allocator: glibc {version} keeps large blocks for the next frame"
