"""Pictures put into the inbox of a real show: each joins or costs a line, and a replay has the very latents."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from benchmarks import inbox
from engine.gesture.reader import read
from tests.builders.inversion import png, reference
from tests.builders.params import TABLE
from tests.builders.show import screen, vj_here
from tests.builders.sound_server import MODEL
from tests.parts import need

LONG = bool(os.environ.get("LATENTVJ_LONG"))
PLAIN = 'name = "plain"\n[latent]\nseeds = [1, 2, 3]\n[params]\nspeed = 0.2\n'
PATIENCE = 300.0  # s; a picture's process yields to all others


def words(folder: Path, *more: object) -> list[str]:
    (folder / "plain.toml").write_text(PLAIN)
    given = ("--size", "64x64", "--fps", 10, "--model", MODEL, "--preset", folder / "plain.toml", "--backend", "eager",
             "--resolution", 16, *more)  # fmt: skip
    return [str(word) for word in given]


def env(folder: Path) -> dict[str, str]:
    homes = {name: str(folder / "home") for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")}
    return {**os.environ, **homes, "OMP_NUM_THREADS": "1", "JACK_NO_START_SERVER": "1"}


@pytest.mark.skipif(not LONG, reason="most of a minute: LATENTVJ_LONG=1 runs it")
@pytest.mark.alone
def test_a_picture_joins_a_show_and_its_replay(tmp_path: Path) -> None:
    need("EGL")
    show = inbox.Show(tmp_path, words(tmp_path, "--headless"), env(tmp_path))
    try:
        assert show.wait(lambda: len(show.times()) > 3, PATIENCE), show.said()
        (show.inbox / "words.jpg").write_text("these are words")
        png(show.inbox / "me.png", reference("projector_ada")["target_u8"])
        wanted = {"me.png": "joins", "words.jpg": "refused"}
        assert show.wait(lambda: all(inbox.fates(show.said(), wanted).values()), PATIENCE), show.said()
        frames = len(show.times())
        assert show.wait(lambda: len(show.times()) > frames + 5, PATIENCE)
    finally:
        code = show.close()
    assert code == 130, show.said()  # Ctrl-C
    assert inbox.fates(show.said(), wanted) == {name: [what] for name, what in wanted.items()}
    kept = sorted(p.name for p in (tmp_path / "home").rglob("portrait-*"))
    assert kept == ["portrait-me-1.npy", "portrait-me-1.png"]
    log = read(tmp_path / "g.jsonl", TABLE)
    assert [(join.replace, join.now) for join in log.joins] == [(False, False)]
    done = vj_here("render", "--replay", tmp_path / "g.jsonl", "-o", tmp_path / "again.mp4", "--size", "64x64",
                   "--backend", "eager", "--resolution", 16)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"{len(log.frames)} of {len(log.frames)} frames have the latents of the performance" in done.stderr
    without = [
        row for row in (tmp_path / "g.jsonl").read_text().splitlines(keepends=True) if "join" not in json.loads(row)
    ]
    (tmp_path / "g.jsonl").write_text("".join(without))
    done = vj_here("render", "--replay", tmp_path / "g.jsonl", "-o", tmp_path / "other.mp4", "--size", "64x64",
                   "--backend", "eager", "--resolution", 16)  # fmt: skip
    assert f"{len(log.frames)} of {len(log.frames)} frames" not in done.stderr


@pytest.mark.alone
@pytest.mark.skipif(not LONG, reason="many minutes: LATENTVJ_LONG=1 runs it")
def test_fifty_files_dropped_on_a_show_each_join_or_cost_a_line(tmp_path: Path) -> None:
    with screen(tmp_path) as display:
        found = inbox.play(
            tmp_path,
            words(tmp_path, "--windowed"),
            display.env | env(tmp_path) | {"DISPLAY": display.env["DISPLAY"]},
            5.0,
            5400.0,
        )
    assert found["files"] == 50
    assert found["exit_code"] == 130
    assert found["all_told"], found
    assert found["otherwise"] == {}
    assert found["memory_mb_after"] < found["memory_mb_before"] + 120.0
