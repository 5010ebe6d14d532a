"""Rows that come and go in whole shows: with a model, with a pass, at a cue, in an edit, in a log played again."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.audio.songs.song_ears import SongEars
from engine.borders.contracts import Frame, Model
from engine.borders.errors import UserError
from engine.borders.options import ModelOptions, StageOptions
from engine.borders.params import Param, Params
from engine.borders.preset import Preset
from engine.borders.tick import Tick
from engine.cli import render, replay
from engine.cli.main import main
from engine.control.hands.hands import Hands
from engine.control.hands.keyboard import Keyboard
from engine.control.hands.osc import Osc
from engine.control.hands.profiles import Profiles
from engine.control.presets import preset as presets
from engine.control.presets.setlist import Setlist, load
from engine.control.routing.beat import Beat
from engine.control.routing.desk import Desk
from engine.generator.checkpoints import checkpoint
from engine.generator.networks.stylegan2 import Config
from engine.generator.plain import PlainPlayer
from engine.loop import perform
from engine.rig import assemble
from engine.show import cue_changes
from engine.show.meter import Events
from engine.show.open_outputs import begin_log, open_log
from engine.show.open_window import open_headless
from engine.show.opening import open_meter, open_song
from engine.show.parts import Parts
from engine.show.table import playing_table, table_of
from engine.stage.operator.notices import Notices
from engine.system import user_folders
from tests.builders.hands import Ports, packet
from tests.builders.model_file import save
from tests.builders.show import trace, vj
from tests.parts import need

FPS = 30
ROWS = {
    "ripe": (
        Param("attribute.ripe", 0.25, 0.0, 1.0, "", "how ripe the fruit is"),
        Param("label", 0.0, 0.0, 9.0, "", "the class", whole=True),
    ),
    "leafy": (Param("attribute.leaf", 0.0, -2.0, 2.0, "sd", "how many leaves there are"),),
}
SMALL = Config(img_resolution=16, z_dim=8, w_dim=8, channels=(8, 8, 8), mapping_features=(8,) * 2)
GLOW = """#version 330 core
#pragma latentvj param amount 0.0 0.0 1.0 "" "how much it glows"
#include "lib/pass.glsl"
uniform struct Glow { float amount; } glow;
vec3 shade(vec2 at) { return source(at) * (1.0 + glow.amount); }
"""


class Bred(PlainPlayer):
    """A model that brings rows, and looks at them in every frame."""

    def __init__(self, file: Path) -> None:
        super().__init__(checkpoint.build(checkpoint.load(file)))
        self.rows = ROWS.get(file.stem, ())
        self.seen: list[dict[str, float]] = []

    def __call__(self, ws: NDArray[np.float32], params: Params, tick: Tick) -> Frame:
        self.seen.append({row.name: params[row.name] for row in self.rows})
        return super().__call__(ws, params, tick)


def breed(options: ModelOptions, preset: Preset) -> Model:
    return Bred(Path(options.model or preset.model))


Step = int | Callable[[], bool]  # frames to play, or what to wait for


class Show:
    """A setlist on a clock that does not wait, played by MIDI and OSC, traced and logged."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.folder, self.told, self.ports = folder, [], Ports()
        self.osc = Osc("127.0.0.1", 0)
        evening = folder / "evening.toml"
        evening.write_text("".join(f'[[cues]]\npreset = "{folder / name}.toml"\nmorph = 0.3\n' for name in names))
        self.options = StageOptions(
            setlist=evening,
            headless=True,
            size=(32, 32),
            fps=FPS,
            trace=folder / "a.jsonl",
            log=folder / "g.jsonl",
            seed=3,
            shaders=folder / "shaders",
            interpolation=False,
            governor=False,
            takeover="jump",
        )
        self.play: Callable[[Show], Iterator[Step]] = lambda show: iter(())

    def ask(self, address: str, *values: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(packet(address, *values), ("127.0.0.1", self.osc.port))

    def begun(self, name: str) -> Callable[[], bool]:
        return lambda: self.desk.preset.name == name

    def said(self, text: str) -> Callable[[], bool]:
        return lambda: any(text in line for line in self.told)

    def ticks(self) -> Iterator[Tick]:
        index = 0
        for step in self.play(self):
            deadline = time.monotonic() + 60.0
            for count in itertools.count():
                assert time.monotonic() < deadline, f"waits in vain; told were {self.told}"
                if count == step if isinstance(step, int) else step():
                    break
                if not isinstance(step, int):
                    time.sleep(0.02)  # what is waited for happens in other threads
                yield Tick(index, index / FPS, 1 / FPS if index else 0.0)
                index += 1

    def perform(self, play: Callable[[Show], Iterator[Step]]) -> None:
        self.play = play
        options = self.options
        with contextlib.ExitStack() as stack:
            stack.callback(self.osc.close)
            events = Events()
            notices = Notices(self.told.append, events.tell)
            base, beat = table_of(options.shaders), Beat()
            setlist = Setlist(load(options.setlist), (), base, notices.post, beat, options.setlist)
            window = open_headless(options)
            stack.callback(window.close)
            log = open_log(options, notices.post, stack)
            model = breed(options, setlist.preset)
            begin_log(log, options, "rehearse", "demo", 44100, setlist.preset, model)
            table = playing_table(base, options.shaders, model, setlist.preset)
            profiles = Profiles(self.folder / "none", self.folder / "own", base, user_folders.save, notices.post)
            stack.callback(profiles.close)
            self.hands = Hands(Keyboard(window.keys), setlist, notices.post, table, self.ports, self.osc, profiles)
            self.desk = Desk(setlist.preset, table, 3, "jump", beat)
            rig = assemble(
                Parts(
                    options=options,
                    stage=options,
                    preset=setlist.preset,
                    table=base,
                    model=model,
                    window=window,
                    ears=SongEars(open_song("demo")),
                    hands=self.hands,
                    desk=self.desk,
                    setlist=setlist,
                    clock=self.ticks(),
                    meter=open_meter(options, window, None, events),
                    notices=notices,
                    log=log,
                    stack=stack.pop_all(),
                )
            )
        with rig:
            perform(rig)


def write(folder: Path, name: str, model: str, text: str = "") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(
        f'name = "{name}"\nmodel = "{folder / model}.safetensors"\npasses = ["glow"]\n[latent]\nseeds = [1, 2]\n{text}',
        encoding="utf-8",
    )
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    need("EGL")
    for name in ("ripe", "leafy", "plain"):
        save(tmp_path / f"{name}.safetensors", SMALL)
    (tmp_path / "shaders").mkdir()
    (tmp_path / "shaders" / "glow.frag").write_text(GLOW)
    monkeypatch.setattr(user_folders, "data", lambda *parts: tmp_path.joinpath("data", *parts))
    for module in (cue_changes, replay):  # what opens a model of the evening
        monkeypatch.setattr(module, "open_model", breed)
    return tmp_path


RIPE = """[params]
label = 3
[params.attribute]
ripe = 0.5
[[routes]]
source = "midi.cc.1.7"
target = "attribute.ripe"
mode = "set"
"""
LEAFY = "[params.attribute]\nleaf = -1.0\n"


def evening(show: Show) -> Iterator[Step]:
    """Play there and back, hands on rows that go; save, learn, freeze and panic on the way."""
    show.ports.say(0xB0, 7, 127)
    yield 3
    show.ask("/command/learn")
    yield 1
    show.hands.choose("label")
    show.ports.say(0xB0, 9, 64)
    yield 2
    show.ask("/command/learn")  # keeps cc.1.9 for label
    show.ask("/params/attribute/leaf", 1.5)  # of the other model
    show.ask("/params/attribute/lief", 1.5)
    show.ask("/params/glow/amount", 0.25)
    yield 3
    show.ask("/command/preset/save")
    yield show.said("saved: ")
    show.ask("/command/learn")  # at label, which goes
    yield 2
    show.ask("/command/cue/next")
    yield show.begun("leafy")
    show.ports.say(0xB0, 9, 100)
    yield 4
    show.ask("/command/freeze")
    yield 20
    show.ask("/command/freeze")
    yield 2
    show.ask("/command/cue/next")
    yield show.begun("plain")
    yield 15
    show.ask("/command/cue/next")
    yield show.begun("ripe")
    yield 15
    show.ask("/command/panic")
    yield 3


def test_rows_come_and_go_through_a_whole_evening_that_is_played_again(folder: Path) -> None:
    for name, text in (("ripe", RIPE), ("leafy", LEAFY), ("plain", "")):
        write(folder, name, name, text)
    show = Show(folder, "ripe", "leafy", "plain")
    show.perform(evening)
    rows = trace(folder / "a.jsonl")
    params = [row["params"] for row in rows]
    assert params[0]["label"] == 3.0
    assert params[5]["attribute.ripe"] == 1.0  # the knob's
    assert {"attribute.leaf", "glow.amount"} - params[5].keys() == {"attribute.leaf"}
    leafy = next(i for i, row in enumerate(params) if "attribute.leaf" in row)
    assert 0.0 < params[leafy]["attribute.leaf"] < 1.5  # what OSC asked for before its row came, in the morph
    assert "attribute.ripe" in params[leafy]
    plain = next(i for i, row in enumerate(params) if i > leafy and "attribute.ripe" not in row)
    back = next(i for i, row in enumerate(params) if i > plain and "attribute.ripe" in row)
    bare = [i for i in range(plain, back) if not {"attribute.leaf", "attribute.ripe", "label"} & params[i].keys()]
    assert bare
    assert params[-1]["attribute.ripe"] == 1.0
    assert params[-1]["label"] == round(9 * 100 / 127)  # the learned knob has the whole range of the row
    told = "\n".join(show.told)
    assert told.count("'attribute.lief'") == 1
    assert told.count("'attribute.leaf' plays") == 1
    assert "learned: cc.1.9 (7-bit) on MIDI Mix is label" in told
    saved = presets.load(folder / "data" / "presets" / "ripe-1.toml", table_of(show.options.shaders))
    assert saved.params == {"label": 5.0, "attribute.ripe": 1.0, "glow.amount": 0.25}
    again(folder, rows)


def again(folder: Path, rows: list) -> None:
    """Play the log again: every frame has the latents and the parameters that it had."""
    options = render.RenderOptions(
        output=folder / "again.mp4", size=(32, 32), trace=folder / "b.jsonl", shaders=folder / "shaders"
    )
    film = replay.open_replay(options, folder / "g.jsonl", lambda clock, _frames: clock, lambda _line: None)
    with film.rig:
        perform(film.rig)
    proof = film.proof
    assert proof is not None
    assert (proof.same, proof.frames) == (len(rows), len(rows))
    assert [row["params"] for row in trace(folder / "b.jsonl")] == [row["params"] for row in rows]


def edit(path: Path, text: str) -> None:
    """Save as an editor did a while ago, so that the file has come to rest."""
    before = min(path.stat().st_mtime_ns, time.time_ns() - 10**11)
    path.write_text(text)
    os.utime(path, ns=(before + 10**7, before + 10**7))


def test_a_cue_or_an_edit_with_an_unknown_row_costs_a_line(folder: Path) -> None:
    ripe = write(folder, "ripe", "ripe", RIPE)
    write(folder, "leafy", "leafy", LEAFY.replace("leaf", "lief"))
    write(folder, "same", "ripe", LEAFY)

    def play(show: Show) -> Iterator[Step]:
        yield 3
        show.ask("/cue", 1)
        yield show.said("lief")
        show.ask("/cue", 2)
        yield show.said("same.toml")
        show.ask("/cue", 0)
        yield 15
        edit(ripe, ripe.read_text().replace("ripe = 0.5", "rip = 0.5"))
        yield show.said("'attribute.rip'")
        edit(ripe, ripe.read_text().replace("rip = 0.5", "ripe = 0.75") + "# mended\n")
        yield lambda: show.desk.preset.params["attribute.ripe"] == 0.75
        yield 15

    show = Show(folder, "ripe", "leafy", "same")
    show.perform(play)
    lines = [line for line in show.told if "plays on" in line]
    assert len(lines) == 3
    assert "leafy.toml:7: in [params.attribute]" in lines[0]
    assert "did you mean 'attribute.leaf'?" in lines[0]
    assert "same.toml:7: in [params.attribute]" in lines[1]
    assert "ripe.toml:9: in [params.attribute]" in lines[2]
    assert "did you mean 'attribute.ripe'?" in lines[2]
    params = trace(folder / "a.jsonl")[-1]["params"]
    assert params["attribute.ripe"] == 0.75


def test_a_pass_that_is_edited_brings_its_new_row_with_the_next_cue(folder: Path) -> None:
    write(folder, "ripe", "ripe", RIPE)
    write(folder, "plain", "ripe")

    def play(show: Show) -> Iterator[Step]:
        show.ask("/params/glow/width", 0.75)
        yield 3
        more = '#pragma latentvj param width 0.5 0.0 0.7 "" "how wide it glows"\n#include'
        edit(folder / "shaders" / "glow.frag", GLOW.replace("#include", more))
        yield 3
        show.ask("/cue", 1)
        yield show.begun("plain")
        yield 15

    Show(folder, "ripe", "plain").perform(play)
    params = [row["params"] for row in trace(folder / "a.jsonl")]
    assert "glow.width" not in params[3]
    assert params[-1]["glow.width"] == 0.7  # in the range of the row that came


def test_a_log_that_names_an_unknown_row_is_refused_before_it_is_rendered(folder: Path) -> None:
    for name, text in (("ripe", RIPE), ("leafy", LEAFY)):
        write(folder, name, name, text)

    def play(show: Show) -> Iterator[Step]:
        yield 3
        show.ask("/cue", 1)
        yield show.begun("leafy")
        yield 3

    Show(folder, "ripe", "leafy").perform(play)
    log = folder / "g.jsonl"
    log.write_text(
        "\n".join(
            line.replace("leaf = ", "lief = ") if '"cue"' in line else line for line in log.read_text().split("\n")
        )
    )
    options = render.RenderOptions(output=folder / "again.mp4", shaders=folder / "shaders")
    with pytest.raises(UserError, match=r"g\.jsonl.*'attribute\.lief'.*'attribute\.leaf'"):
        replay.open_replay(options, log, lambda clock, _frames: clock, lambda _line: None)
    assert not (folder / "again.mp4").exists()


@pytest.mark.parametrize(
    ("text", "culprits"),
    [
        (
            "[params.attribute]\nripe = 0.5\n",
            ["bad.toml:3:", "[params.attribute]", "'attribute.ripe'; did you mean 'attribute.ripeness'?"],
        ),
        ("[params]\nlabel = 1\n", ["bad.toml:3:", "[params]", "'label'; the model brings no label"]),
        (
            '[[routes]]\nsource = "beat"\ntarget = "isf.Twist.spin"\n',
            ["bad.toml:4:", "number 1", "'isf.Twist.spin'; no pass brings isf.Twist"],
        ),
        ("[params.slitscann]\nstrength = 1\n", ["bad.toml:2:", "[params]", "did you mean 'slitscan'?"]),
        ("[params.attribut]\nripe = 0.5\n", ["'attribut'", "did you mean 'attribute'?"]),
    ],
)
def test_at_the_start_an_unknown_row_is_an_error_that_says_what_there_is(
    tmp_path: Path, text: str, culprits: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    bad, film = tmp_path / "bad.toml", tmp_path / "x.mp4"
    bad.write_text(f'name = "bad"\n{text}')
    assert main(["render", "demo", "--preset", str(bad), "-o", str(film), "--seconds", "1"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    for culprit in culprits:
        assert culprit in line
    assert not film.exists()


def test_the_program_itself_ends_with_2_and_no_traceback(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text('name = "bad"\n[params.attribute]\nripe = 0.5\n')
    done = vj("render", "demo", "--preset", bad, "-o", tmp_path / "x.mp4", "--seconds", 1)
    assert done.returncode == 2
    assert "'attribute.ripe'" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_rows_of_one_name_do_not_fit(folder: Path) -> None:
    class Taken(Bred):
        """A model that calls a row as the engine calls one of its own."""

        def __init__(self, file: Path) -> None:
            super().__init__(file)
            self.rows = (Param("speed", 0.0, 0.0, 1.0, "", "the model's own"),)

    preset = presets.load(write(folder, "plain", "plain"), table_of(None))
    with pytest.raises(UserError, match=r"plain\.toml.*'speed'"):
        playing_table(table_of(None), None, Taken(folder / "plain.safetensors"), preset)
    assert json.loads(json.dumps(dict(Params({}, table_of(None))))) == dict(table_of(None).defaults)
