"""A process that hangs, even in C code, writes down where when it is asked to."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.system import hang

PROGRAM = """
import sys, ctypes
from pathlib import Path
from engine.system import hang
hang.tell_where(Path(sys.argv[1]), again=True)
def draws_for_ever():
    print("ready", flush=True)
    while True:
        ctypes.PyDLL(None).usleep(900_000)  # with Python's lock held
draws_for_ever()
"""


@pytest.mark.skipif(hang.SIGNAL is None, reason="no such signal here")
def test_it_says_where_it_hangs(tmp_path: Path) -> None:
    path = tmp_path / "state" / "hung.txt"
    path.parent.mkdir()
    path.write_text("before\n")
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, path], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert hang.SIGNAL is not None
        process.send_signal(hang.SIGNAL)
        give_up = time.monotonic() + 20.0
        while "draws_for_ever" not in path.read_text():
            assert time.monotonic() < give_up
            time.sleep(0.02)
        assert process.poll() is None
        assert path.read_text().startswith("before\n")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_without_a_place_for_it_nothing_happens(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    hang.tell_where(tmp_path / "file" / "hung.txt")
