"""The end of a process by the kernel: a neighbour takes the memory that both may have together, and the show is killed.

It needs the right to make a memory cgroup (version 1), as root has where one is mounted.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup/memory")
ROOM = 16 << 20  # bytes; all may have so much more than they have at that moment
NUMBERS = itertools.count()
TAKE = """
import sys, time
sys.stdin.readline()
taken = []
while True:
    taken.append(bytearray(b"x" * (8 << 20)))
    time.sleep(0.005)
"""


class Pasture:
    """A group of processes whose memory can be made to end."""

    def __init__(self, pid: int) -> None:
        """``pid`` is of the process whose later children, all of them, belong to the group."""
        self._group = GROUPS / f"latentvj-{os.getpid()}-{next(NUMBERS)}"
        self._group.mkdir()
        (self._group / "cgroup.procs").write_text(str(pid))
        self._neighbour: subprocess.Popen[bytes] | None = None

    @staticmethod
    def possible() -> bool:
        """Return whether this user may make such a group."""
        return os.access(GROUPS, os.W_OK) and (GROUPS / "memory.limit_in_bytes").exists()

    def starve(self, pid: int) -> None:
        """Let a neighbour take what there is, until the kernel ends ``pid``."""
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000")  # of all the show is to be killed
        used = int((self._group / "memory.usage_in_bytes").read_text())
        self._neighbour = subprocess.Popen([sys.executable, "-c", TAKE], stdin=subprocess.PIPE)
        (self._group / "cgroup.procs").write_text(str(self._neighbour.pid))
        Path(f"/proc/{self._neighbour.pid}/oom_score_adj").write_text("900")  # and then the neighbour
        (self._group / "memory.limit_in_bytes").write_text(str(used + ROOM))
        assert self._neighbour.stdin is not None
        self._neighbour.stdin.write(b"\n")
        self._neighbour.stdin.flush()
        give_up = time.monotonic() + 10.0
        while Path(f"/proc/{pid}").exists() and time.monotonic() < give_up:
            time.sleep(0.002)
        self.feed()

    def feed(self) -> None:
        """Give the memory back."""
        if self._neighbour is not None:
            self._neighbour.kill()
            self._neighbour.communicate()
            self._neighbour = None
        (self._group / "memory.limit_in_bytes").write_text("-1")

    def close(self) -> None:
        """Remove the group; its processes have ended. A second call does nothing."""
        if not self._group.exists():
            return
        self.feed()
        give_up = time.monotonic() + 5.0
        while self._group.exists() and time.monotonic() < give_up:
            with contextlib.suppress(OSError):  # the group's dead are not all gone yet
                self._group.rmdir()
            time.sleep(0.02)
