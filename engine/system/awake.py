"""A lock that keeps the machine awake during a show, on systems that offer one."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys

CONTINUOUS, SYSTEM, DISPLAY = 0x80000000, 0x1, 0x2  # flags of Windows' SetThreadExecutionState


class Awake:
    """Prevents sleep and screen savers until ``close``. ``how`` names the means; None: this system has none."""

    def __init__(self) -> None:
        self.how: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        if sys.platform == "win32":
            if ctypes.windll.kernel32.SetThreadExecutionState(CONTINUOUS | SYSTEM | DISPLAY):
                self.how = "SetThreadExecutionState"
            return
        me = str(os.getpid())
        commands = {
            "caffeinate": ["-d", "-i", "-w", me],
            "systemd-inhibit": [
                "--what=idle:sleep",
                "--who=latentvj",
                "--why=a show",
                "tail",
                f"--pid={me}",
                "-f",
                os.devnull,
            ],
        }
        for name, arguments in commands.items():
            if shutil.which(name) and self._start([name, *arguments]):
                self.how = name
                return

    def _start(self, command: list[str]) -> bool:
        """Start a program that holds the lock while it runs; return False when it ends at once."""
        nowhere = subprocess.DEVNULL
        try:
            process = subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere)
            process.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            self._process = process
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        """Let the machine sleep again."""
        if sys.platform == "win32":
            ctypes.windll.kernel32.SetThreadExecutionState(CONTINUOUS)
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None
