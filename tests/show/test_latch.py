"""What comes while the generator works shows in the picture that goes out; the latents know nothing of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from engine.borders.contracts import Ears, Hands
from engine.borders.controls import Controls
from engine.borders.features import AudioFeatures, Onset
from engine.borders.params import Params
from engine.borders.tick import Tick
from engine.control.presets.preset import parse
from engine.control.routing.desk import Desk
from engine.gesture.reader import read
from engine.gesture.writer import GestureLog
from engine.show.arrivals import Arrivals
from engine.show.latch import LiveLatch, LoggedLatch, SharedEars, SharedHands, drawn
from engine.show.trace import Trace
from tests.builders.params import TABLE

PLAYED = """
name = "played"
[latent]
seeds = [1, 2, 3]
[[routes]]
source = "midi.knob_1"
target = "picture.saturation"
mode = "set"
[[routes]]
source = "midi.knob_1"
target = "speed"
mode = "set"
[[routes]]
source = "audio.onset"
target = "picture.brightness"
release = 0.5
"""
HEAD = {"song": None, "preset": {"name": "played", "path": None, "text": PLAYED}, "options": {}, "model": {}}


class Heard(Ears):
    """Ears whose hops a test adds."""

    def __init__(self) -> None:
        self.coming: list[AudioFeatures] = []
        self._last = AudioFeatures()

    def latest(self, tick: Tick) -> AudioFeatures:
        recent = tuple(hop for hop in self.coming if hop.time <= tick.time)
        del self.coming[: len(recent)]
        self._last = recent[-1] if recent else self._last
        return replace(self._last, recent=recent, onsets=tuple(o for hop in recent for o in hop.onsets))

    def close(self) -> None:
        """Nothing to release."""


class Held(Hands):
    """Hands that a test moves."""

    def __init__(self) -> None:
        self.knob, self.pressed, self.blackout = 0.0, [], False

    def read(self, tick: Tick) -> Controls:
        edges, self.pressed = tuple(self.pressed), []
        values = MappingProxyType({"midi.knob_1": self.knob})
        return Controls(values=values, edges=edges, commands=edges, blackout=self.blackout)


class Stage:
    """A show without pictures: frames begin and are drawn when the test says so."""

    def __init__(self, log: Path | None = None) -> None:
        self.heard, self.held, self.time, self.index = Heard(), Held(), 0.0, -1
        self.ears, self.hands = SharedEars(self.heard), SharedHands(self.held)
        self.desk = Desk(parse(PLAYED, Path("played.toml"), TABLE), TABLE, takeover="jump", drawn=drawn)
        self.log = GestureLog(log, lambda line: None) if log else None
        self.arrivals = Arrivals(threading.Event(), ())
        assert self.desk.late is not None
        self.latch = LiveLatch(self.ears, self.hands, self.desk.late, lambda: self.time, self.log, self.arrivals)
        if self.log:
            self.log.begin(HEAD)
        self.begun: tuple[Tick, AudioFeatures, Controls, Params]

    def begin(self, time: float) -> Params:
        """Begin a frame at ``time``; return what it is generated with."""
        self.index, dt = self.index + 1, time - self.time if self.index >= 0 else 0.0
        self.time = time
        tick = Tick(self.index, time, dt)
        features, controls = self.ears.latest(tick), self.hands.read(tick)
        desk: Callable[..., Params] = self.log.heard(self.desk) if self.log else self.desk
        params = desk(features, controls, tick)
        if self.log:
            self.log.travelled(lambda params, tick: np.full((2, 2), tick.index, np.float32))(params, tick)
        self.begun = tick, features, controls, params
        return params


def hop(time: float, struck: bool = False) -> AudioFeatures:
    return AudioFeatures(time=time, rms=time, onsets=(Onset(time, time, 1.0),) if struck else ())


def test_what_comes_while_the_generator_works_shows_in_the_picture_that_goes_out() -> None:
    stage = Stage()
    stage.begin(0.0)
    stage.latch(*stage.begun)
    made = stage.begin(0.1)
    stage.held.knob, stage.held.blackout = 1.0, True
    stage.heard.coming = [hop(0.11, struck=True)]
    stage.time = 0.13
    late = stage.latch(*stage.begun)
    assert late.controls.values["midi.knob_1"] == 1.0
    assert len(late.features.onsets) == 1
    assert (late.params["picture.saturation"], late.params["picture.blackout"]) == (1.0, 1.0)
    assert late.params["picture.brightness"] > made["picture.brightness"]
    assert late.params["speed"] == made["speed"] == 0.0, "the generator's own are read when it starts"
    assert stage.arrivals.wait(0.0), "the next frame does not wait for its time"
    assert not stage.arrivals.wait(0.0)
    assert stage.begin(0.14)["speed"] == 1.0
    assert stage.latch.fresh
    stage.begin(0.15)
    assert not stage.latch.fresh


def test_every_hop_and_every_press_comes_once_to_frames_and_once_to_pictures() -> None:
    stage = Stage()
    frames, pictures = [], []
    for number in range(40):
        stage.heard.coming.append(hop(0.01 * number + 0.003, struck=number % 3 == 0))
        stage.held.pressed.append(f"key.{number}")
        if number % 4 == 0:
            stage.begin(0.01 * number)
            frames.append(stage.begun)
        stage.time = 0.01 * number + 0.004
        pictures.append(stage.latch.between(stage.begun[3]))
    stage.begin(1.0)
    frames.append(stage.begun)
    hops = [h.time for _, features, _, _ in frames for h in features.recent]
    assert hops == pytest.approx([0.01 * number + 0.003 for number in range(40)])
    assert [h.time for late in pictures for h in late.features.recent] == hops
    assert sum(len(late.features.onsets) for late in pictures) == sum(len(f.onsets) for _, f, _, _ in frames) == 14
    pressed = [f"key.{number}" for number in range(40)]
    assert [edge for _, _, controls, _ in frames for edge in controls.edges] == pressed
    assert [edge for late in pictures for edge in late.controls.edges] == pressed


def test_a_picture_does_not_hear_what_a_song_has_not_played_yet() -> None:
    stage = Stage()
    stage.heard.coming = [hop(0.1), hop(0.2, struck=True)]
    stage.begin(0.25)  # a frame is set ahead by what it takes
    stage.time = 0.15
    early = stage.latch.between(stage.begun[3])
    assert (early.features.time, early.features.onsets) == (0.1, ())
    stage.time = 0.21
    assert len(stage.latch(*stage.begun).features.onsets) == 1


def test_a_log_keeps_both_and_a_replay_draws_with_the_very_same(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "g.jsonl")
    shown = []
    for number in range(30):
        stage.held.knob = number / 29
        stage.heard.coming.append(hop(0.03 * number + 0.005, struck=number % 4 == 0))
        stage.begin(0.03 * number)
        for _ in range(number % 3):  # pictures in between
            stage.time += 0.007
            stage.held.pressed.append("key.A")
            stage.latch.between(stage.begun[3])
        stage.time += 0.006
        shown.append(stage.latch(*stage.begun))
    assert stage.log is not None
    stage.log.close()
    performance = read(tmp_path / "g.jsonl", TABLE)
    desk = Desk(performance.preset, TABLE, takeover="jump", drawn=drawn)
    assert desk.late is not None
    latch = LoggedLatch(performance.frames, desk.late)
    again = []
    for frame in performance.frames:
        params = desk(frame.features, frame.controls, frame.tick)
        again.append(latch(frame.tick, frame.features, frame.controls, params))
    assert again == shown
    rows = [json.loads(line) for line in (tmp_path / "g.jsonl").read_text(encoding="utf-8").splitlines()]
    assert sum(len(row.get("hops", ())) for row in rows) == 30, "each hop is written once"


def test_the_drawing_follows_a_cue_and_takes_up_where_a_show_stood() -> None:
    stage = Stage()
    stage.held.knob = 0.5
    stage.begin(0.1)
    stage.latch(*stage.begun)
    other = parse(PLAYED.replace('"picture.saturation"', '"picture.contrast"'), Path("other.toml"), TABLE)
    stage.desk.cue(other, 0.0)
    stage.held.knob = 1.0
    stage.begin(0.2)
    late = stage.latch(*stage.begun)
    assert (late.params["picture.contrast"], late.params["picture.saturation"]) == (1.0, 1.0)
    held = stage.begun[2]
    stage.desk.stand(replace(held, freeze=True), (), late.params, 8.0, 120.0)
    assert stage.desk.late is not None
    assert stage.desk.late.beat.position == 8.0


def test_a_line_has_both_where_they_differ(tmp_path: Path) -> None:
    made = Params({}, TABLE)
    late = made.changed({"picture.blackout": 1.0})
    trace = Trace(tmp_path / "t.jsonl")
    for shown in (late, made):
        trace.frame(AudioFeatures(), Controls(), shown, 0.0, np.zeros((2, 2), np.float32), {}, made)
        trace.write(0, 0.0, 0.0, (), {})
    trace.close()
    first, second = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text(encoding="utf-8").splitlines()]
    assert (first["params"]["picture.blackout"], first["params_generator"]["picture.blackout"]) == (1.0, 0.0)
    assert "params_generator" not in second
