"""The journal: a show stands in a file, whole, and another one takes it up."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from engine.borders.controls import Controls, Tempo
from engine.borders.errors import UserError
from engine.borders.features import AudioFeatures
from engine.borders.params import Params
from engine.borders.preset import Preset, Route
from engine.borders.standing import RouteStanding, Standing
from engine.borders.tick import Tick
from engine.control.routing.desk import Desk
from engine.latent.path import Path as LatentPath
from engine.latent.traveller import Travel
from engine.show import journal
from engine.show.journal import Journal, from_json, last_standing, to_json
from engine.show.table import standard
from tests.builders.show import trace, vj_here
from tests.builders.sound_server import MODEL
from tests.parts import need

STANDING = Standing(
    written=1.0,
    time=12.5,
    name="ä",
    path=Path("/tmp/ä b.toml"),
    place=3,
    given=MappingProxyType({"seed": 5}),
    controls=Controls(
        values=MappingProxyType({"knob_1": 1 / 3, "key.A.toggle": 1.0}),
        overrides=MappingProxyType({"picture.zoom": 0.1 + 0.2}),
        bindings=MappingProxyType({"speed": "midi.cc.1.7@Box"}),
        turned=MappingProxyType({"midi.knob_2": 2 / 127}),
        tempo=Tempo(123.4, 7.25),
        tempo_factor=2.0,
        freeze=True,
    ),
    routes=(RouteStanding("midi.knob_1", "speed", 0.25, None, True, 0.5), RouteStanding("audio.rms", "speed", 1 / 7)),
    params=MappingProxyType({"speed": 1 / 3}),
    phases=(0.123456789, 1.9),
    beats=64.1,
    bpm=128.0,
    recording=True,
)


def test_what_is_written_reads_back_bit_for_bit() -> None:
    assert from_json(to_json(STANDING)) == STANDING
    pressed = replace(STANDING, controls=replace(STANDING.controls, edges=("key.A",), commands=("cue.next",)))
    assert from_json(to_json(pressed)) == STANDING  # what was pressed is not pressed again


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", "7", '{"version": 1}', '{"version": 99}', "half"])
def test_a_damaged_journal_is_named_at_the_start(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    path = journal.journal_path()
    with pytest.raises(UserError, match="no show was kept"):
        last_standing()
    path.parent.mkdir(parents=True)
    path.write_text(to_json(STANDING)[:200] if damage == "half" else damage, encoding="utf-8")
    with pytest.raises(UserError, match=r"show\.json.*broken"):
        last_standing()


def test_the_file_is_always_whole_and_a_folder_that_fails_costs_one_line(tmp_path: Path) -> None:
    path, said = tmp_path / "state" / "show.json", list[str]()
    torn, stop = list[str](), threading.Event()

    def read() -> None:
        while not stop.is_set():
            if path.exists():
                try:
                    from_json(path.read_text(encoding="utf-8"))
                except ValueError as error:
                    torn.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    shared = list[str]()
    kept = Journal(lambda: STANDING, said.append, path, shared.append)
    for number in range(8):  # a knob that turns is shared at once, the file waits for its second
        kept.note(Controls(values=MappingProxyType({"knob_1": number / 8})))
        time.sleep(0.06)
    kept.close()
    stop.set()
    reader.join()
    assert not torn
    assert not said
    assert len(shared) >= 4
    assert from_json(path.read_text(encoding="utf-8")) == STANDING

    blocked = tmp_path / "a file"
    blocked.write_text("")
    broken = Journal(lambda: STANDING, said.append, blocked / "show.json")
    broken.note(Controls())
    broken.close()
    assert len(said) == 1
    assert "a file" in said[0]


def test_a_desk_takes_up_knobs_that_wait_learned_knobs_and_tempo() -> None:
    table = standard()
    preset = Preset("p", routes=(Route("midi.knob_1", "picture.zoom", mode="set", range=(0.5, 2.0), attack=0.3),))
    first = Desk(preset, table)
    controls = Controls(values=MappingProxyType({"midi.knob_1": 0.2, "midi.knob_2": 0.9}))
    first(AudioFeatures(), controls, Tick(0, 0.0, 0.0))
    first.cue(preset, 0.0)  # the same preset again: the knob at 0.2 waits for the preset's own 1.0
    controls = replace(controls, bindings=MappingProxyType({"picture.rotation": "midi.knob_2"}))
    for index in range(1, 40):
        before = first(AudioFeatures(), controls, Tick(index, index / 60, 1 / 60))
    second = Desk(preset, table)
    second.stand(controls, first.standing(), before, first.beat.position, first.beat.bpm)
    tick = Tick(40, 40 / 60, 1 / 60)
    assert second(AudioFeatures(), controls, tick) == first(AudioFeatures(), controls, tick)
    assert second.ghosts() == first.ghosts() != {}
    assert second.beat.position == first.beat.position
    frozen = replace(controls, freeze=True)
    third = Desk(preset, table)
    third.stand(frozen, first.standing(), before.changed({"picture.zoom": 1.75}), 0.0, 120.0)
    assert third(AudioFeatures(), frozen, tick)["picture.zoom"] == 1.75


@pytest.mark.parametrize("ping_pong", [False, True])
def test_a_path_goes_on_where_it_was_and_makes_no_jump_twice(ping_pong: bool) -> None:
    points = np.random.default_rng(1).normal(size=(5, 2, 8))
    travel = Travel(ping_pong=ping_pong, constant_speed=True)

    def path() -> LatentPath:
        return LatentPath(points, np.zeros(8), travel=travel, mix_points=points[::-1])

    params = Params({"speed": 0.9, "mix.speed": -0.3, "mix.coarse": 0.5, "jump.point": 3.0}, standard())
    first, second = path(), path()
    for index in range(200):
        before = first(params, Tick(index, index / 60, 1 / 60 if index else 0.0))
    second.stand(first.phases, params)
    assert np.array_equal(second(params, Tick(0, 0.0, 0.0)), before)
    assert second.phases == first.phases


PRESET = """
name = "plain"
[latent]
seeds = [1, 2, 3]
[params]
speed = 0.2
"""


def test_a_show_takes_up_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("EGL")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "plain.toml").write_text(PRESET, encoding="utf-8")
    (tmp_path / "set.toml").write_text('[[cues]]\npreset = "default"\n[[cues]]\npreset = "plain.toml"\nafter = 9\n')
    monkeypatch.chdir(tmp_path)
    words = ("live", "--headless", "--size", "64x64", "--model", MODEL, "--backend", "eager", "--no-governor",
             "--seconds", 0.5)  # fmt: skip
    assert vj_here(*words, "--preset", "plain.toml", "--seed", 7, "--trace", "a.jsonl").returncode == 0
    monkeypatch.chdir("/")
    done = vj_here(*words, "--resume", "--trace", tmp_path / "b.jsonl")
    assert done.returncode == 0, done.stderr
    before, after = trace(tmp_path / "a.jsonl"), trace(tmp_path / "b.jsonl")
    assert 0.0 <= (after[0]["t"] - before[-1]["t"]) % 1.0 < 0.02
    assert after[0]["params"] == before[-1]["params"]
    kept = json.loads(journal.journal_path().read_text(encoding="utf-8"))
    assert (kept["name"], kept["given"]["seed"]) == ("plain", 7)  # the second one's, which can be taken up again

    monkeypatch.chdir(tmp_path)
    assert vj_here(*words, "--resume", "--setlist", "set.toml").returncode == 0
    kept = json.loads(journal.journal_path().read_text(encoding="utf-8"))
    assert (kept["name"], kept["place"], kept["given"]["setlist"]) == ("plain", 1, str(tmp_path / "set.toml"))
    (tmp_path / "plain.toml").unlink()
    (tmp_path / "set.toml").unlink()
    done = vj_here(*words, "--resume", "--trace", tmp_path / "b.jsonl")
    assert done.returncode == 0
    assert "plain.toml: the preset that played is gone; default plays instead" in done.stderr
