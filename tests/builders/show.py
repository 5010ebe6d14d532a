"""What the tests of whole shows share: running vj, reading traces, and a display whose pixels can be read."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.cli.main import main
from tests.parts import need

ROOT = Path(__file__).resolve().parents[2]


def command(*args: object) -> list[str]:
    return [sys.executable, "-m", "engine", *map(str, args)]


def vj(*args: object, env: dict[str, str] | None = None, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run a vj command to its end."""
    return subprocess.run(
        command(*args), cwd=ROOT, env=env, capture_output=True, text=True, timeout=timeout, check=False
    )


def vj_here(*args: object) -> subprocess.CompletedProcess[str]:
    """Run a vj command that shows nothing in this process, which has loaded everything already."""
    words = [str(word) for word in args]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        with redirect_stdout(out), redirect_stderr(err):
            code = main(words)
        for stream in (out, err):
            stream.seek(0)
        return subprocess.CompletedProcess(words, code, out.read(), err.read())


def traced(*asked: object, output: Path) -> str:
    """Run ``vj render`` in this process with a trace of its pictures beside ``output``; return what it said."""
    done = vj_here("render", *asked, "-o", output, "--trace", f"{output}.jsonl", "--trace-pictures")
    assert done.returncode == 0, done.stderr
    return done.stderr


def trace(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@dataclass(frozen=True)
class Screen:
    """A virtual display; its framebuffer is a file in XWD format (X11's XWDFile.h)."""

    number: str
    framebuffer: Path

    @property
    def env(self) -> dict[str, str]:
        env = {k: v for k, v in os.environ.items() if k != "WAYLAND_DISPLAY"}
        return env | {"DISPLAY": f":{self.number}"}

    def pixels(self) -> NDArray[np.uint8]:
        """Return what is on the display now, RGB [H, W, 3]."""
        data = self.framebuffer.read_bytes()
        header = struct.unpack(">25I", data[:100])
        size, width, height, stride, colours = header[0], header[4], header[5], header[12], header[19]
        start = size + colours * 12
        rows = np.frombuffer(data, np.uint8, height * stride, start).reshape(height, stride)
        return rows[:, : width * 4].reshape(height, width, 4)[..., 2::-1].copy()


@contextmanager
def screen(folder: Path, size: str = "1280x800x24") -> Iterator[Screen]:
    """Run an X server without a monitor."""
    need("Xvfb")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", size, "-fbdir", str(folder), "-nolisten", "tcp", "-noreset"],
        pass_fds=[write],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with os.fdopen(read) as answer:
            number = answer.readline().strip()
        assert number, "Xvfb did not start"
        yield Screen(number, folder / "Xvfb_screen0")
    finally:
        server.terminate()
        server.wait(10)
