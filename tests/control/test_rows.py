"""Rows that come and go: a model's and a pass's parameters join the table with a cue, and leave it with another."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.borders.controls import Controls
from engine.borders.errors import UserError
from engine.borders.features import AudioFeatures
from engine.borders.params import Param, Params, Table
from engine.borders.preset import Preset, Route
from engine.borders.tick import Tick
from engine.control.hands import profile as profiles
from engine.control.hands.hands import Hands
from engine.control.hands.keyboard import Keyboard
from engine.control.hands.learn import Learn
from engine.control.hands.osc import Osc
from engine.control.hands.profiles import Profiles
from engine.control.presets import preset as presets
from engine.control.presets.preset_file import save, write
from engine.control.routing.desk import Desk
from engine.system.user_folders import save as put
from tests.builders.hands import Cues, packet
from tests.builders.params import TABLE

RIPE = Param("attribute.ripe", 0.25, 0.0, 1.0, "", "how ripe the fruit is")
LEAF = Param("attribute.leaf", 0.0, -2.0, 2.0, "sd", "how many leaves there are")
LABEL = Param("label", 0.0, 0.0, 9.0, "", "the class", whole=True)
TWIST = Param("isf.Twist.speed", 0.5, 0.0, 4.0, "turns/s", "how fast it turns", rate=True)
FRUIT, LEAVES = TABLE.grown((RIPE, LABEL, TWIST)), TABLE.grown((LEAF,))
FPS = 30


class Played:
    """A desk, frame by frame."""

    def __init__(self, preset: Preset, table: Table) -> None:
        self.desk, self.index = Desk(preset, table), 0

    def __call__(self, controls: Controls | None = None, frames: int = 1) -> Params:
        for _ in range(frames):
            tick = Tick(self.index, self.index / FPS, 1 / FPS if self.index else 0.0)
            params = self.desk(AudioFeatures(rms=0.5), controls or Controls(), tick)
            self.index += 1
            for name, param in params.table.items():
                assert param.low <= params[name] <= param.high, name
            assert params.keys() == params.table.keys()
        return params


def preset(name: str, params: Mapping[str, float], *routes: Route) -> Preset:
    return Preset(name, params=params, routes=routes)


def test_a_cut_changes_the_set_at_once() -> None:
    play = Played(preset("a", {"attribute.ripe": 1.0}), FRUIT)
    assert play()["attribute.ripe"] == 1.0
    play.desk.cue(preset("b", {"attribute.leaf": -1.0}), 0.0, LEAVES)
    params = play()
    assert params.table is LEAVES
    assert params["attribute.leaf"] == -1.0
    assert "attribute.ripe" not in params
    play.desk.cue(preset("c", {}), 0.0, TABLE)
    assert play().table is TABLE


def test_in_a_morph_a_row_that_only_one_has_goes_from_or_to_its_default() -> None:
    play = Played(preset("a", {"attribute.ripe": 1.0, "label": 7.0, "speed": 1.0}), FRUIT)
    play()
    play.desk.cue(preset("b", {"attribute.leaf": 2.0, "speed": 0.0}), 1.0, LEAVES)
    seen = [play() for _ in range(FPS)]
    half = seen[FPS // 2 - 1]
    assert half["speed"] == pytest.approx(0.5)  # both have it
    assert half["attribute.leaf"] == pytest.approx(1.0)  # comes: from 0 to 2
    assert half["attribute.ripe"] == pytest.approx(0.625)  # goes: from 1 to 0.25
    assert half["label"] in (3.0, 4.0)  # a whole number stays one
    for name in ("attribute.leaf", "attribute.ripe"):
        values = [params[name] for params in seen[:-1]]
        assert max(abs(b - a) for a, b in itertools.pairwise(values)) < 2.1 / FPS
    assert seen[-1].table is LEAVES  # with the end of the morph the going rows are gone
    assert seen[-1]["attribute.leaf"] == 2.0


def test_a_row_of_both_with_another_range_is_clamped_by_the_coming_one() -> None:
    wide = TABLE.grown((Param("attribute.ripe", 2.0, 0.0, 5.0, "", "the other model's"),))
    play = Played(preset("a", {"attribute.ripe": 5.0}), wide)
    play()
    play.desk.cue(preset("b", {"attribute.ripe": 0.0}), 1.0, FRUIT)
    seen = [play()["attribute.ripe"] for _ in range(FPS)]
    assert max(seen) == 1.0
    assert seen[-1] == 0.0


def test_frozen_the_rows_that_come_are_held_as_they_come() -> None:
    route = Route("lfo.saw.1s", "attribute.leaf")
    play = Played(preset("a", {"attribute.ripe": 0.75, "picture.zoom": 2.0}), FRUIT)
    frozen = Controls(freeze=True)
    play(frozen)
    play.desk.cue(preset("b", {"picture.zoom": 1.0}, route), 0.2, LEAVES)
    first = play(frozen)
    last = play(frozen, 20)
    assert (first["attribute.ripe"], first["picture.zoom"]) == (0.75, 2.0)
    assert "attribute.ripe" not in last
    assert last["picture.zoom"] == 2.0
    assert last["attribute.leaf"] == first["attribute.leaf"]
    assert play()["picture.zoom"] == 1.0


def test_panic_and_blackout_in_the_middle_of_such_a_morph() -> None:
    play = Played(preset("a", {"attribute.ripe": 1.0}), FRUIT)
    play()
    play.desk.cue(preset("b", {"attribute.leaf": 2.0}), 1.0, LEAVES)
    assert play(Controls(blackout=True), 5)["picture.blackout"] == 1.0
    params = play(Controls(commands=("panic",)))
    assert params.table is LEAVES
    assert params["attribute.leaf"] == 2.0


def test_a_knob_holds_a_row_that_goes_and_takes_it_up_again_when_it_comes_back() -> None:
    route = Route("midi.knob_1", "attribute.ripe", mode="set")
    first = preset("a", {"attribute.ripe": 0.5}, route)
    turned, learned = {"midi.knob_1": 0.9, "midi.knob_2": 0.6}, {"label": "midi.knob_2"}
    play = Played(first, FRUIT)
    for knob in (0.0, 0.9):  # past the ghost
        play(Controls({**turned, "midi.knob_1": knob, "midi.knob_2": knob}, bindings=learned))
    held = Controls(turned, bindings=learned)
    assert play(held)["attribute.ripe"] == pytest.approx(0.9)
    assert play(held)["label"] == 5.0  # the knob's whole way is the row's whole range
    play.desk.cue(preset("b", {}), 0.0, TABLE)
    assert "label" not in play(held)
    assert play.desk.knobs(play(held)) == ()
    assert play.desk.ghosts() == {}
    assert "label" not in play.desk.held()
    play.desk.cue(first, 0.0, FRUIT)
    assert play(held)["label"] == 0.0  # waits for its ghost
    assert play.desk.ghosts()["label"] == (0.6, 0.0)
    play(Controls({**turned, "midi.knob_2": 0.0}, bindings=learned))
    assert play(held)["label"] == 5.0


def test_a_knob_of_a_row_that_the_frame_before_lacks_is_not_shown_for_it() -> None:
    play = Played(preset("a", {}), TABLE)
    before = play(Controls({"midi.knob_1": 0.9}))
    play.desk.cue(preset("b", {}, Route("midi.knob_1", "attribute.ripe", mode="set")), 0.0, FRUIT)
    assert play.desk.knobs(before) == ()
    (knob,) = play.desk.knobs(play(Controls({"midi.knob_1": 0.9})))
    assert (knob.target, knob.value) == ("attribute.ripe", RIPE.default)


def test_an_override_waits_for_its_row_and_is_clamped_by_it() -> None:
    told: list[str] = []
    osc = Osc("127.0.0.1", 0)
    hands = Hands(Keyboard(lambda: ()), Cues(), told.append, TABLE, osc=osc)
    play, tick = Played(preset("a", {}), TABLE), Tick(0, 0.0, 0.0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for octets in (packet("/params/attribute/ripe", 7.0), packet("/params/speed", 0.5), packet("/params/sped", 1)):
            out.sendto(octets, ("127.0.0.1", osc.port))
        controls = hands.read(tick)
        assert play(controls)["speed"] == 0.5
        assert [line.partition(";")[0] for line in told] == [
            "OSC: no parameter 'attribute.ripe' plays at present", "OSC: no parameter 'sped' plays at present",
        ]  # fmt: skip
        assert told[1].endswith("did you mean 'speed'?")
        play.desk.cue(preset("b", {}), 0.0, FRUIT)
        hands.take(FRUIT)
        assert play(hands.read(tick))["attribute.ripe"] == 1.0  # of 0 to 1
        out.sendto(packet("/params/attribute/ripe", 0.5), ("127.0.0.1", osc.port))
        assert play(hands.read(tick))["attribute.ripe"] == 0.5
        play.desk.cue(preset("c", {}), 0.5, LEAVES)  # it goes: no jump, the morph takes it to its default
        hands.take(LEAVES)
        first = play(hands.read(tick))["attribute.ripe"]
        assert 0.45 < first < 0.5
        assert "attribute.ripe" not in play(hands.read(tick), FPS)
    osc.close()
    assert len(told) == 2


def test_learning_steps_to_the_nearest_row_that_is_there() -> None:
    learn = Learn(FRUIT)
    learn.toggle()
    learn.select("label")
    learn.take(FRUIT)
    assert learn.target == "label"
    learn.take(TABLE)
    assert learn.target == list(TABLE)[-1]
    learn.select("speed")
    learn.take(LEAVES)
    assert learn.target == "speed"
    learn.step(-1)
    assert learn.target == "attribute.leaf"
    learn.take(TABLE)
    learn.hear("Thing", (0xB0, 1, 5))
    assert learn.toggle() is not None


TEXT = """
name = "ripe"
[params]
speed = 0.25
label = 3
[params.attribute]
ripe = 0.75
[params.isf.Twist]
speed = 1.0
[[routes]]
source = "audio.bass"
target = "attribute.ripe"
"""


def test_a_preset_may_name_what_a_model_or_a_pass_brings() -> None:
    read = presets.parse(TEXT, Path("ripe.toml"), TABLE)
    assert read.params == {"speed": 0.25, "label": 3.0, "attribute.ripe": 0.75, "isf.Twist.speed": 1.0}
    presets.check(read, FRUIT)
    assert presets.parse(write(read, FRUIT), Path("ripe.toml"), TABLE).params == read.params
    assert presets.parse(write(read, TABLE), Path("ripe.toml"), FRUIT).routes == read.routes


def test_of_a_row_that_nothing_brings_it_is_said_who_brings_none() -> None:
    bare = TABLE.nearest
    assert bare("attribute.rype") == "the model brings no attribute"
    assert bare("label") == "the model brings no label"
    assert bare("isf.Twist.spin") == "no pass brings isf.Twist"
    grown = FRUIT.nearest
    assert grown("attribute.rype") == "did you mean 'attribute.ripe'?"
    assert grown("attribute.some_other_thing_of_the_fruit_altogether") == "the nearest is 'attribute.ripe'"
    assert grown("isf.Twist.q") == "did you mean 'isf.Twist.speed'?"
    assert grown("isf.q.q") == "no pass brings isf.q"
    assert LEAVES.nearest("label") == "the model brings no label"


@pytest.mark.parametrize(
    ("old", "new", "culprits"),
    [
        ("ripe = 0.75", "ripp = 0.75", ["ripe.toml:7:", "[params.attribute]", "'attribute.ripp'", "'attribute.ripe'"]),
        ("ripe = 0.75", "ripe = 75", ["ripe.toml:7:", "[params.attribute]", "ripe = 75", "0 to 1"]),
        ("label = 3", "label = 30", ["ripe.toml:5:", "[params]", "label = 30", "0 to 9"]),
        ("isf.Twist", "isf.Twits", ["[params.isf.Twits]", "'isf.Twits.speed'", "'isf.Twist.speed'"]),
        ('"attribute.ripe"', '"attribute.rip"', ["ripe.toml:12:", "number 1", "'attribute.rip'", "'attribute.ripe'"]),
    ],
)
def test_a_row_that_nothing_brings_is_named_when_all_is_loaded(old: str, new: str, culprits: list[str]) -> None:
    read = presets.parse(TEXT.replace(old, new), Path("ripe.toml"), TABLE)
    with pytest.raises(UserError) as refused:
        presets.check(read, FRUIT)
    for culprit in culprits:
        assert culprit in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "culprits"),
    [
        ("speed = 0.25", "sped = 0.25", ["'sped'", "'speed'"]),
        ("[params.attribute]", "[params.atribute]", ["'atribute'", "'attribute'"]),
        ("label = 3", 'label = "three"', ["'label'", "number"]),
        ("ripe = 0.75", "ripe = nan", ["'ripe'", "finite"]),
    ],
)
def test_every_other_mistake_is_named_when_the_preset_is_read(old: str, new: str, culprits: list[str]) -> None:
    with pytest.raises(UserError) as refused:
        presets.parse(TEXT.replace(old, new, 1), Path("ripe.toml"), TABLE)
    for culprit in ["ripe.toml:", *culprits]:
        assert culprit in str(refused.value)


def test_what_is_saved_has_the_rows_that_play_and_is_read_again(tmp_path: Path) -> None:
    play = Played(presets.parse(TEXT, tmp_path / "ripe.toml", TABLE), FRUIT)
    for knob in (0.0, 1.0):
        play(Controls({"midi.knob_1": knob}, bindings={"label": "midi.knob_1", "attribute.leaf": "midi.knob_1"},
                      overrides={"attribute.ripe": 0.5, "attribute.leaf": 2.0}))  # fmt: skip
    path = save(play.desk.preset, play.desk.held(), FRUIT, tmp_path, put)
    saved = presets.load(path, TABLE)
    assert saved.params == {"speed": 0.25, "label": 9.0, "attribute.ripe": 0.5, "isf.Twist.speed": 1.0}
    presets.check(saved, FRUIT)


def test_a_profile_keeps_the_knob_of_a_row_that_is_away() -> None:
    text = '[bindings]\n"attribute.ripe" = "cc.1.7"\nlabel = "cc.1.8"\n'
    read = profiles.parse(text, Path("mine.toml"), TABLE)
    assert read.bindings == {"attribute.ripe": "cc.1.7", "label": "cc.1.8"}
    assert profiles.parse(profiles.write(read), Path("mine.toml"), TABLE) == read


def test_a_profile_outlives_the_folder_of_passes_that_it_was_learned_with(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('match = ["Thing"]\n[bindings]\n"glow.amount" = "cc.1.7"\nlabel = "cc.1.8"\n')
    told: list[str] = []
    found = Profiles(tmp_path / "none", tmp_path, TABLE, put, told.append)
    assert found.find("Thing").bindings == {"glow.amount": "cc.1.7", "label": "cc.1.8"}
    (line,) = told
    assert "mine.toml: 'glow.amount' waits for its pass; " in line
    with pytest.raises(UserError, match=r"'picture\.zom'.*'picture\.zoom'"):
        profiles.parse('[bindings]\n"picture.zom" = "cc.1.7"\n', Path("mine.toml"), TABLE)


ROWS = (RIPE, LEAF, LABEL, TWIST)
TABLES = st.lists(st.sampled_from(ROWS), unique=True, max_size=4).map(TABLE.grown)


@st.composite
def cues(draw: st.DrawFn) -> list[tuple[Table, Preset, float, Controls, int]]:
    """Cues to presets with rows of their own, knobs and overrides on rows that may be away."""
    found = []
    for _ in range(draw(st.integers(1, 6))):
        table = draw(TABLES)
        own = [row for row in ROWS if row.name in table]
        params = {row.name: row.clamp(draw(st.floats(-3, 10))) for row in own if draw(st.booleans())}
        sources = ("midi.knob_1", "audio.rms", "lfo.sine.1s", "osc.x")
        routes = [Route(draw(st.sampled_from(sources)), row.name) for row in own if draw(st.booleans())]
        names = st.sampled_from([row.name for row in ROWS] + ["speed", "nothing.at.all"])
        controls = Controls(
            {"midi.knob_1": draw(st.floats(0, 1)), "midi.knob_2": draw(st.floats(0, 1))},
            commands=("panic",) if draw(st.integers(0, 9)) == 0 else (),
            overrides=draw(st.dictionaries(names, st.floats(-1e9, 1e9), max_size=3)),
            bindings=draw(st.dictionaries(names, st.just("midi.knob_2"), max_size=3)),
            freeze=draw(st.booleans()), blackout=draw(st.booleans()),
        )  # fmt: skip
        seconds, frames = draw(st.sampled_from((0.0, 0.1, 0.5))), draw(st.integers(1, 12))
        found.append((table, preset("x", params, *routes), seconds, controls, frames))
    return found


@settings(max_examples=30, deadline=None)
@given(cues())
def test_whatever_comes_and_goes_every_row_is_there_and_in_its_range(asked: list) -> None:
    play, learn = Played(preset("first", {}), TABLE), Learn(TABLE)
    learn.toggle()
    for table, wanted, seconds, controls, frames in asked:
        play.desk.cue(wanted, seconds, table)
        learn.take(table)
        learn.step(-1)
        assert learn.target in table
        params = play(controls, frames)
        assert table.keys() <= params.keys()
        assert play.desk.held().table is table
        assert {knob.target for knob in play.desk.knobs(params)} <= table.keys()
        assert play.desk.ghosts().keys() | play.desk.played() <= table.keys()
    last = play(Controls(), 2 * FPS)
    assert last.table is table
    assert last["speed"] == wanted.params.get("speed", TABLE["speed"].default)
