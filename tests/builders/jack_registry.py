"""JACK's register of servers, kept clean: it has room for eight names, and a killed server stays in it."""

from __future__ import annotations

import os
import shutil
import zlib
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path("/dev/shm")  # where JACK keeps its register, its database, the memory of servers and their semaphores


def server_name(suffix: str) -> str:
    """Return the name of a test server: a checkout has few, always the same; a name started again is taken over."""
    return f"vj{zlib.crc32(str(ROOT).encode()):08x}{suffix}"


def forget_dead_servers(shared: Path = SHARED) -> bool:
    """Remove what killed servers have left, unless a server is alive; return whether it was removed.

    Call it before this process uses libjack, which reads the register only once.
    """
    if any(process.info["name"] in ("jackd", "jackdbus") for process in psutil.process_iter(["name"])):
        return False
    mine = [path for pattern in ("jack-*", "jack_*") for path in shared.glob(pattern) if path.owner() == owner()]
    for path in mine:
        if path.is_dir():  # a database, which one that died while it made it has left broken: then every client hangs
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return bool(mine)


def owner() -> str:
    """Return the name of the user that runs this process."""
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name
