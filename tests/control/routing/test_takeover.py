"""A knob never jumps a parameter."""

import itertools
import random

import pytest

from engine.borders.controls import Controls
from engine.borders.features import AudioFeatures
from engine.borders.preset import Preset, Route
from engine.borders.tick import Tick
from engine.control.routing.desk import Desk
from engine.control.routing.takeover import NEAR, Takeover
from tests.builders.params import TABLE

STEP = 1 / 127


def test_pick_up_waits_until_the_knob_crosses_the_ghost() -> None:
    takeover = Takeover("pickup")
    takeover.arm(0.5, 0.2)
    assert [takeover(knob) for knob in (0.2, 0.3, 0.4)] == [0.5, 0.5, 0.5]
    assert not takeover.acting
    assert takeover(0.6) == 0.6
    assert takeover(0.1) == 0.1


@pytest.mark.parametrize("end", [0.0, 1.0])
def test_scaled_moves_at_once_in_small_steps_and_meets_at_the_end(end: float) -> None:
    takeover = Takeover("scaled")
    takeover.arm(0.8, 0.3)
    knob, values = 0.3, [0.8]
    while knob != end:
        knob = min(1.0, knob + STEP) if end else max(0.0, knob - STEP)
        values.append(takeover(knob))
    steps = [abs(b - a) for a, b in itertools.pairwise(values)]
    assert values[-1] == end
    assert values[1] != 0.8
    assert max(steps) <= 3 * STEP + NEAR


def test_an_unknown_knob_does_not_act_at_its_first_word() -> None:
    takeover = Takeover("pickup")
    takeover.arm(0.5, None)
    assert takeover(0.9) == 0.5
    assert takeover(0.4) == 0.4


def play(desk: Desk, knob: float, index: int) -> dict[str, float]:
    controls = Controls({"midi.knob_1": knob, "midi.knob_2": 1.0 - knob})
    return dict(desk(AudioFeatures(), controls, Tick(index, index / 60, 1 / 60 if index else 0.0)))


ROUTES = (
    Route("midi.knob_1", "picture.zoom", mode="set", range=(0.5, 4.0), curve="square"),
    Route("midi.knob_2", "picture.saturation", amount=2.0),
    Route("midi.knob_2", "picture.contrast", mode="multiply", range=(0.5, 2.0)),
)


@pytest.mark.parametrize("mode", ["pickup", "scaled"])
@pytest.mark.parametrize("seconds", [0.0, 0.5])
def test_a_cue_under_turned_knobs_moves_nothing_beyond_the_morph(mode: str, seconds: float) -> None:
    first = Preset("a", params={"picture.zoom": 1.0}, routes=ROUTES)
    second = Preset("b", params={"picture.zoom": 2.5, "picture.contrast": 0.7}, routes=ROUTES)
    desk = Desk(first, TABLE, takeover=mode)
    for index in range(10):
        before = play(desk, 0.9, index)
    assert before["picture.zoom"] == pytest.approx(0.5 + 3.5 * 0.81)
    assert before["picture.saturation"] == pytest.approx(1.2)
    desk.cue(second, seconds)
    for index in range(10, 70):
        now = play(desk, 0.9, index)
        for name, param in TABLE.items():
            goal = second.params.get(name, param.default)
            low, high = sorted((before[name], goal))
            assert low - 1e-9 <= now[name] <= high + 1e-9, name
    assert now["picture.zoom"] == 2.5
    assert desk.ghosts()["picture.zoom"] == (0.9, pytest.approx((2.0 / 3.5) ** 0.5))


@pytest.mark.parametrize("mode", ["pickup", "scaled"])
def test_turning_after_a_cue_never_jumps_by_more_than_the_turn(mode: str) -> None:
    rng = random.Random(3)
    linear = (Route("midi.knob_1", "picture.blackout", mode="set"),)
    desk = Desk(Preset("a", routes=linear), TABLE, takeover=mode)
    knob, last, index = 0.9, play(desk, 0.9, 0)["picture.blackout"], 1
    for _ in range(20):
        goal = rng.random()
        desk.cue(Preset("b", params={"picture.blackout": goal}, routes=linear), 0.0)
        last = play(desk, knob, index)["picture.blackout"]
        assert last == pytest.approx(goal)
        for _ in range(60):
            index += 1
            turn = rng.choice((-2, -1, 1, 2)) * STEP
            knob = min(max(knob + turn, 0.0), 1.0)
            now = play(desk, knob, index)["picture.blackout"]
            # Scaled, the ghost may go faster than the knob: what is left of its way over what is left of the knob's.
            limit = 2 * STEP + NEAR if mode == "pickup" else 1.0
            assert abs(now - last) <= limit
            last = now


def settle(desk: Desk, controls: Controls, index: int, features: AudioFeatures) -> dict[str, float]:
    return dict(desk(features, controls, Tick(index, index / 60, 1 / 60 if index else 0.0)))


@pytest.mark.parametrize("mode", ["pickup", "scaled", "jump"])
@pytest.mark.parametrize("seed", range(4))
def test_frame_by_frame_a_cue_moves_nothing_faster_than_its_morph(mode: str, seed: int) -> None:
    """Routes, learned bindings and OSC's overrides alike, from any place of the knobs, in every mode."""
    rng, features = random.Random(seed), AudioFeatures(rms=0.3)
    knobs = [f"midi.knob_{n}" for n in range(1, 5)]
    names = [name for name, param in TABLE.items() if not param.whole]

    def preset(name: str) -> Preset:
        params = {n: rng.uniform(TABLE[n].low, TABLE[n].high) for n in rng.sample(names, 20)}
        routes = tuple(
            Route(
                rng.choice([*knobs, "audio.rms"]),
                rng.choice(names),
                mode=rng.choice(("add", "multiply", "set")),
                curve=rng.choice(("linear", "square", "root")),
            )
            for _ in range(8)
        )
        return Preset(name, params=params, routes=routes)

    desk = Desk(preset("a"), TABLE, takeover=mode)
    bindings = {rng.choice(names): knobs[2], rng.choice(names): knobs[3]}
    held = Controls()
    for index in range(30):  # the knobs are turned, then left alone
        held = Controls(
            {knob: rng.random() for knob in knobs},
            bindings=bindings,
            overrides={rng.choice(names): 1.0} | dict(held.overrides),
        )
        settle(desk, held, index, features)
    before = settle(desk, held, 30, features)
    desk.cue(preset("b"), 0.5)
    last, steps = before, []
    for index in range(31, 80):
        now = settle(desk, held, index, features)
        steps.append({name: abs(now[name] - last[name]) for name in TABLE})
        last = now
    for name in TABLE:
        # A whole number goes in ones; all else takes the half second, thirty frames, evenly.
        most = abs(last[name] - before[name]) / 30 + 1e-6 + TABLE[name].whole
        assert max(step[name] for step in steps) <= most, name
    assert any(last[name] != before[name] for name in TABLE)


def test_an_edit_of_the_playing_preset_leaves_knobs_their_hold(tmp_path) -> None:
    path = tmp_path / "a.toml"
    first = Preset("a", routes=ROUTES, path=path)
    desk = Desk(first, TABLE)
    before = [play(desk, 0.9, index) for index in range(3)][-1]
    desk.cue(Preset("a", params={"noise.strength": 2.0}, routes=ROUTES, path=path), 0.0)
    now = play(desk, 0.9, 3)
    assert now["picture.zoom"] == before["picture.zoom"]
    assert now["noise.strength"] == 2.0


def test_panic_goes_back_to_the_preset_and_frees_the_knobs_when_met() -> None:
    desk = Desk(Preset("a", params={"picture.zoom": 1.0}, routes=ROUTES), TABLE)
    play(desk, 0.9, 0)
    controls = Controls({"midi.knob_1": 0.9}, commands=("panic",))
    assert desk(AudioFeatures(), controls, Tick(1, 1 / 60, 1 / 60))["picture.zoom"] == 1.0
    assert play(desk, 0.8, 2)["picture.zoom"] == 1.0
    assert play(desk, 0.1, 3)["picture.zoom"] != 1.0


def test_freeze_holds_and_stops_and_blackout_is_black() -> None:
    desk = Desk(Preset("a", params={"speed": 0.5}, routes=(Route("lfo.saw.1s", "picture.zoom"),)), TABLE)
    ticks = [Tick(i, i / 60, 1 / 60 if i else 0.0) for i in range(4)]
    desk(AudioFeatures(), Controls(), ticks[0])
    held = desk(AudioFeatures(), Controls(freeze=True), ticks[1])
    again = desk(AudioFeatures(), Controls(freeze=True, blackout=True), ticks[2])
    assert held["speed"] == 0.0
    assert again["picture.zoom"] == held["picture.zoom"]
    assert again["picture.blackout"] == 1.0
    assert desk(AudioFeatures(), Controls(), ticks[3])["speed"] == pytest.approx(0.5)


class Encoder:
    """An encoder on ``midi.knob_1`` with a desk behind it."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.index = desk, 0
        self.at, self.turned = 0.5, 0.0

    def __call__(self, steps: int = 0, *commands: str) -> float:
        """Turn, and return the parameter."""
        self.turned += steps * STEP
        self.at = min(max(self.at + steps * STEP, 0.0), 1.0)
        controls = Controls({"midi.knob_1": self.at}, commands=commands, turned={"midi.knob_1": self.turned})
        return settle(self.desk, controls, self.index, AudioFeatures())["picture.blackout"]

    def frame(self, steps: int = 0, *commands: str) -> float:
        value = self(steps, *commands)
        self.index += 1
        return value


@pytest.mark.parametrize("mode", ["pickup", "scaled", "jump"])
def test_an_encoder_moves_the_parameter_from_where_it_stands_and_never_waits(mode: str) -> None:
    route = (Route("midi.knob_1", "picture.blackout", mode="set"),)
    desk = Desk(Preset("a", params={"picture.blackout": 0.2}, routes=route), TABLE, takeover=mode)
    encoder = Encoder(desk)
    assert encoder.frame(3) == pytest.approx(0.2 + 3 * STEP)  # the very first word of it
    assert encoder.frame(-1) == pytest.approx(0.2 + 2 * STEP)
    desk.cue(Preset("b", params={"picture.blackout": 0.9}, routes=route), 0.0)
    assert encoder.frame() == pytest.approx(0.9)
    assert desk.ghosts() == {}
    assert encoder.frame(1) == pytest.approx(0.9 + STEP)
    (knob,) = desk.knobs(desk.held())
    assert (knob.at, knob.ghost) == (pytest.approx(0.9 + STEP), None)
    encoder.frame(500)
    assert encoder.frame(500) == 1.0
    assert encoder.frame(-1) == pytest.approx(1.0 - STEP)  # at once: what was turned past the end is not kept
    encoder.frame(0, "panic")
    assert encoder.frame() == pytest.approx(0.9)
    assert encoder.frame(-2) == pytest.approx(0.9 - 2 * STEP)
    assert desk.held()["picture.blackout"] == pytest.approx(0.9 - 2 * STEP)


def test_an_encoder_that_goes_there_and_back_in_its_first_frame_moves_nothing() -> None:
    route = (Route("midi.knob_1", "picture.blackout", mode="set"),)
    desk = Desk(Preset("a", params={"picture.blackout": 0.2}, routes=route), TABLE, takeover="jump")
    assert Encoder(desk).frame(0) == pytest.approx(0.2)


@pytest.mark.parametrize("mode", ["add", "multiply"])
def test_an_encoder_in_a_route_that_adds_begins_at_nothing(mode: str) -> None:
    low, high = (0.0, 1.0) if mode == "add" else (1.0, 0.0)
    route = (Route("midi.knob_1", "picture.blackout", mode=mode, range=(low, high)),)
    encoder = Encoder(Desk(Preset("a", params={"picture.blackout": 0.5}, routes=route), TABLE))
    moved = encoder.frame(2)
    assert moved == pytest.approx(0.5 + 2 * STEP if mode == "add" else 0.5 * (1.0 - 2 * STEP))


def test_a_learned_encoder_goes_over_the_whole_range_and_is_taken_up_by_another_show() -> None:
    desk = Desk(Preset("a", params={"picture.zoom": 1.0}), TABLE)
    low, high = TABLE["picture.zoom"].low, TABLE["picture.zoom"].high
    source = "midi.cc.1.20@Box"

    def play(desk: Desk, turned: float, index: int) -> float:
        controls = Controls({source: 0.5}, bindings={"picture.zoom": source}, turned={source: turned})
        return settle(desk, controls, index, AudioFeatures())["picture.zoom"]

    assert play(desk, 5 * STEP, 0) == 1.0  # learned with the encoder turned: it stands where it is
    assert play(desk, 7 * STEP, 1) == pytest.approx(1.0 + 2 * STEP * (high - low))
    again = Desk(Preset("a", params={"picture.zoom": 1.0}), TABLE)
    controls = Controls({source: 0.5}, bindings={"picture.zoom": source}, turned={source: 7 * STEP})
    again.stand(controls, desk.standing(), desk.held(), 0.0, 120.0)
    assert play(again, 7 * STEP, 2) == pytest.approx(1.0 + 2 * STEP * (high - low))
    assert play(again, 6 * STEP, 3) == pytest.approx(1.0 + STEP * (high - low))
