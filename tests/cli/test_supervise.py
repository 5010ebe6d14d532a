"""``vj live --supervise``: killed, stopped or out of memory, the show comes back where it was."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from engine.cli.supervise import Supervisor
from tests.builders.film import light
from tests.builders.program import Program
from tests.builders.show import screen
from tests.builders.sound_server import MODEL
from tests.builders.supervised import PATIENCE, PRESET, Supervised, children, supervised

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the supervisor runs on Linux only so far")


def test_a_show_that_is_killed_or_stopped_comes_back_where_it_was(tmp_path: Path) -> None:
    with (
        screen(tmp_path, "320x240x24") as display,
        supervised(tmp_path, "--record", tmp_path / "film.mp4", env=display.env) as show,
    ):
        show.plays(45)  # a picture a second is held
        before = display.pixels().astype(float)
        assert before.std() > 5.0
        first, dead = show.show(), len(show.rows())
        os.kill(first, signal.SIGKILL)
        seen = []
        while len(show.rows()) < dead + 20:
            seen.append(float(np.abs(display.pixels().astype(float) - before).mean()))
            assert show.process.poll() is None, show.said.read_text()
            time.sleep(0.02)
        os.kill(show.show(), signal.SIGSTOP)  # no frame: hung
        show.plays()
        loaded = children(show.process.pid)
        os.kill(show.copies()[0], signal.SIGKILL)  # what is copied for a return dies, too: the show goes on
        show.plays()
        os.kill(show.show(), signal.SIGKILL)  # and its double is copied
        show.plays()
        assert set(children(show.process.pid)) < set(loaded)  # nothing was loaded anew
        assert len(show.copies()) == 3  # with the double's own
        os.kill(show.process.pid, signal.SIGTERM)
        assert show.process.wait(30.0) == 0
    print(f"{len(seen)} looks, mean difference from the picture before at most {max(seen):.1f}")
    assert max(seen) < 0.6 * np.abs(before).mean()  # neither the desktop nor black
    rows, said = show.rows(), show.said.read_text()
    assert [row["index"] for row in rows] == list(range(len(rows)))
    assert all(a["time"] < b["time"] for a, b in itertools.pairwise(rows))
    back = [(a, b) for a, b in itertools.pairwise(rows) if any("the show is back" in line for line in b["events"])]
    assert len(back) == 3, said
    assert all(abs(b["t"] - a["t"]) < 0.02 and a["params"] == b["params"] for a, b in back)
    assert "the show was killed" in said
    assert "the show hung for 3 s" in said
    assert "Traceback" not in said
    assert {path.name for path in tmp_path.glob("*.mp4")} == {"film.mp4", "film_2.mp4", "film_3.mp4", "film_4.mp4"}
    assert not Path(f"/proc/{first}").exists()
    give_up = time.monotonic() + PATIENCE
    while show.copies():  # all have ended
        assert time.monotonic() < give_up
        time.sleep(0.02)


SHADER = """#version 330 core
#pragma latentvj order 3
#pragma latentvj param tint 0.2 0 1 "" "pass night: how blue it is"
#include "lib/pass.glsl"
uniform struct Night { float tint; } night;
vec3 shade(vec2 at) { return mix(source(at), source(at).bgr, night.tint); }
"""
EFFECT = """/*{"ISFVSN": "2", "INPUTS": [{"NAME": "inputImage", "TYPE": "image"}]}*/
void main() { gl_FragColor = IMG_NORM_PIXEL(inputImage, isf_FragNormCoord).gbra; }
"""
LOOK = PRESET.replace("passes = []", 'passes = ["night", "isf:Turn.fs"]')
FILES = {
    "config/latentvj/controllers/desk.toml": 'name = "desk"\nmatch = ["desk"]\n[controls]\nknob_1 = "cc.1.7"\n',
    "look.toml": LOOK,
    "other.toml": LOOK,
    "set.toml": '[[cues]]\npreset = "look.toml"\n[[cues]]\npreset = "other.toml"\n',
    "shaders/Turn.fs": EFFECT,
    "shaders/night.frag": SHADER,
}


def test_a_show_whose_files_break_as_it_dies_comes_back_as_it_was(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    words = ("--headless", "--setlist", tmp_path / "set.toml", "--shaders", tmp_path / "shaders", "--no-calibration")
    with supervised(tmp_path, *words) as show:
        show.plays()
        time.sleep(1.2)  # what is good is kept every second
        for name, text in FILES.items():
            (tmp_path / name).write_text(text[: len(text) // 2] + "\n} = {\n")
        os.kill(show.show(), signal.SIGKILL)
        show.plays()
        _says(show, *(f"{Path(name).name}:" for name in FILES if name != "other.toml"))  # that one is no cue yet
        for name, text in FILES.items():
            (tmp_path / name).write_text(text)
        _says(show, "look.toml: read again", "set.toml: read again", "Turn.fs: taken anew", "shaders reloaded")
        for name in FILES:
            (tmp_path / name).unlink()
        os.kill(show.show(), signal.SIGKILL)
        show.plays()
        rows, said = show.rows(), show.said.read_text()
    assert said.count("it comes back") == said.count("the picture is back") == 2, said  # neither took two attempts
    assert "is gone" not in said
    back = [(a, b) for a, b in itertools.pairwise(rows) if any("the show is back" in line for line in b["events"])]
    assert len(back) == 2
    assert all(a["params"] == b["params"] and abs(b["t"] - a["t"]) < 0.02 for a, b in back)
    assert "Traceback" not in said


def test_a_show_that_cannot_say_where_it_hangs_is_killed_all_the_same() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # as the show's parent has it: it is gone at once
    try:
        alone = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        Supervisor._end(alone.pid)
        give_up = time.monotonic() + PATIENCE
        while Path(f"/proc/{alone.pid}").exists():
            assert time.monotonic() < give_up
            time.sleep(0.02)
        Supervisor._end(alone.pid)  # nor is one that is gone an error
    finally:
        signal.signal(signal.SIGCHLD, before)
        alone.wait()


def _says(show: Supervised, *texts: str) -> None:
    """Return when the show has said all of it."""
    give_up = time.monotonic() + PATIENCE
    while missing := [text for text in texts if text not in show.said.read_text()]:
        assert time.monotonic() < give_up, (missing, show.said.read_text())
        time.sleep(0.05)


def test_a_show_that_cannot_begin_is_not_begun_again(tmp_path: Path) -> None:
    folders = [tmp_path / word for word in ("preset", "model")]
    for folder in folders:
        folder.mkdir()
    with ExitStack() as stack:
        shows = [stack.enter_context(supervised(each, "--headless", f"--{each.name}", "nowhere")) for each in folders]
        for show in shows:
            assert show.process.wait(PATIENCE) == 2
            assert "nowhere" in show.said.read_text()
            assert "supervisor" not in show.said.read_text()


def test_a_show_whose_x_server_dies_ends_in_order(tmp_path: Path) -> None:
    said = tmp_path / "said.txt"
    film = tmp_path / "film.mkv"
    with screen(tmp_path, "160x120x24") as display, said.open("w") as out:
        words = ("live", "--model", MODEL, "--backend", "eager", "--trace", tmp_path / "t.jsonl", "--record", film)
        env = {**display.env, "XDG_STATE_HOME": str(tmp_path / "state")}
        program = Program([str(word) for word in words], out, env)
        give_up = time.monotonic() + PATIENCE
        while not (tmp_path / "t.jsonl").exists() or (tmp_path / "t.jsonl").read_text().count("\n") < 40:
            assert time.monotonic() < give_up, said.read_text()
            assert program.poll() is None, said.read_text()
            time.sleep(0.05)
    code = program.wait(PATIENCE)
    assert code == 1, said.read_text()
    assert "ended: the display's server is gone" in said.read_text()
    assert "Traceback" not in said.read_text()
    assert (tmp_path / "state" / "latentvj" / "show.json").exists()
    assert len(light(film)) > 10
