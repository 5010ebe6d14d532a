"""Lines for the performer: none is lost while somebody reads, and nobody is waited for who does not."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from engine.system.voice import Voice
from tests.builders.show import ROOT, command, trace
from tests.builders.sound_server import MODEL
from tests.parts import need

TALKATIVE = """
import sys
from engine.system.voice import Voice
voice = Voice()
voice.say("before")
voice.begin()
for i in range(3000):
    voice.say(f"line {i} " + 100 * ".")
    if i % 50 == 49:
        import time; time.sleep(0.02)
voice.end()
voice.say("after")
print("done", file=sys.stdout)
"""


def talk(stderr: int) -> str:
    done = subprocess.run(
        [sys.executable, "-c", TALKATIVE], cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr, text=True, timeout=60,
        check=True,
    )  # fmt: skip
    return done.stdout


def test_a_name_from_outside_does_not_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Voice().say("OSC: nothing answers to /fader\x1b[2J\x07\x9b1m; tab\tand \u00e4 stay")
    assert capsys.readouterr().err == "OSC: nothing answers to /fader\\x1b[2J\\x07\\x9b1m; tab\tand \u00e4 stay\n"


def full_pipe() -> tuple[int, int]:
    """Return both ends of a pipe that takes no more."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    with suppress(BlockingIOError):
        while True:
            os.write(write, b"." * 4096)
    with suppress(BlockingIOError):
        while True:
            os.write(write, b".")
    os.set_blocking(write, True)
    return read, write


def test_every_line_arrives_in_its_order_where_somebody_reads(tmp_path: Path) -> None:
    said = tmp_path / "said.txt"
    with said.open("w") as out:
        assert talk(out.fileno()) == "done\n"
    assert said.read_text().splitlines() == ["before", *(f"line {i} " + 100 * "." for i in range(3000)), "after"]


def test_a_pipe_that_nobody_reads_stops_nobody() -> None:
    read, write = os.pipe()  # 64 KB of 330: full long before the last line
    try:
        assert talk(write) == "done\n"
        os.close(write)
        write = -1
        with os.fdopen(os.dup(read), "rb") as held:
            assert held.read().startswith(b"before\nline 0 ..")
    finally:
        os.close(read)
        if write >= 0:
            os.close(write)


def test_a_reader_that_has_gone_stops_nobody() -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-c", TALKATIVE.replace('voice.say("before")', "").replace('voice.say("after")', "")],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=write,
            timeout=60,
            check=False,
        )
    finally:
        os.close(write)
    assert done.stdout == b"done\n"


def test_a_show_goes_on_with_a_full_pipe_for_its_words(tmp_path: Path) -> None:
    need("EGL")
    read, write = full_pipe()
    try:
        done = subprocess.run(
            command("rehearse", "demo", "--mute", "--headless", "--size", "64x64", "--fps", 30, "--model", MODEL,
                    "--backend", "eager", "--seconds", 2.5, "--trace", tmp_path / "t.jsonl", "--no-flash-guard"),
            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=write, timeout=100, check=False,
        )  # fmt: skip
    finally:
        os.close(read)
        os.close(write)
    assert done.returncode == 0
    assert trace(tmp_path / "t.jsonl")[-1]["time"] > 1.2
