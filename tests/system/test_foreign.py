"""What libraries say comes as lines, one each, and nothing that they write waits for a reader or ends anything."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.builders.show import ROOT

# A program that says things as libraries do, in every way that they have.
LIBRARIES = """
import ctypes, logging, os, sys, threading, traceback, warnings
from engine.system.voice import Voice
early = logging.StreamHandler()  # as torch does: it holds the stream of before
voice = Voice()
voice.begin(foreign=True)
os.write(2, b"a library in C\\n   with an indented line\\n")
ctypes.CDLL(None).puts(b"a library that prints"); ctypes.CDLL(None).fflush(None)
warnings.warn("this way\\nis old")
logging.getLogger("quiet").info("nobody needs this")
logging.getLogger("loud").warning("level %s", 3)
early.handle(logging.LogRecord("early", logging.ERROR, "f.py", 1, "of an early handler", (), None))
logging.getLogger("broken").warning("%d", "no number")
try:
    int("q")
except ValueError:
    logging.getLogger("caught").exception("it went wrong")
    traceback.print_exc()
def fails():
    raise RuntimeError("in a thread\\nand a second line")
thread = threading.Thread(target=fails, name="worker"); thread.start(); thread.join()
class Unraisable:
    def __del__(self): raise OSError("in a destructor")
Unraisable()
print("printed", end="")
print(" in parts")
threading.Event().wait(1.1)
for _ in range(3000):
    with __import__("contextlib").suppress(BlockingIOError):
        os.write(2, b"underrun" + b"!" * 200 + b"\\n")
voice.say("done")
voice.end()
print("of its own")
print("an error of its own", file=sys.stderr)
with open(sys.argv[1], "w") as file: file.write("here")
"""

SAID = {
    "a library in C",
    "a library that prints",
    "UserWarning: this way is old",
    "loud: level 3",
    "of an early handler",
    "caught: it went wrong: ValueError: invalid literal for int() with base 10: 'q'",
    "ValueError: invalid literal for int() with base 10: 'q'",
    "thread 'worker' ended: RuntimeError: in a thread (",
    "OSError: in a destructor",
    "printed in parts",
    "done",
}


def run(folder: Path, stdout: int, stderr: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", LIBRARIES, folder / "end"], cwd=ROOT, stdout=stdout, stderr=stderr)


def test_every_way_to_say_something_is_a_line_and_floods_are_counted(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        assert run(tmp_path, out.fileno(), err.fileno()).wait(30) == 0
    assert (tmp_path / "out").read_text() == "of its own\n"
    lines = (tmp_path / "err").read_text().splitlines()
    for text in SAID:
        assert sum(text in line for line in lines) >= 1, text
    assert lines[-1] == "an error of its own"
    assert sum("underrun" in line for line in lines) <= 2  # it repeats itself
    assert any("lines of theirs were left out" in line for line in lines)
    assert not any("Traceback" in line or line.startswith(" ") for line in lines)
    assert len(lines) < 25


@pytest.mark.parametrize("reader", ["none", "gone", "closed"])
def test_nobody_who_reads_ends_nothing(tmp_path: Path, reader: str) -> None:
    """A full pipe that nobody reads, one whose reader has died, and no stdout and stderr at all."""
    read, write = os.pipe()
    if reader == "none":
        os.set_blocking(write, False)
        for piece in (b"." * 4096, b"."):
            with suppress(BlockingIOError):
                while True:
                    os.write(write, piece)
        os.set_blocking(write, True)
    if reader == "gone":
        os.close(read)
    script = LIBRARIES.replace('print("of its own")', "").replace('print("an error of its own", file=sys.stderr)', "")
    script = script.replace("voice = Voice()", "from engine.system.foreign import open_standard; open_standard()\n"
                            "voice = Voice()")  # fmt: skip
    start = [sys.executable, "-c", script, str(tmp_path / "end")]
    if reader == "closed":
        start = ["bash", "-c", 'exec "$@" >&- 2>&- <&-', "bash", *start]
    try:
        program = subprocess.Popen(start, cwd=ROOT, stdout=write, stderr=write)
        program.wait(30)
    finally:
        os.close(write)
        if reader != "gone":
            os.close(read)
    assert (tmp_path / "end").read_text() == "here"
