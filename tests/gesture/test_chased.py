"""A gesture log under a show's clock: every hop and press once, on the ticks of now; jumps, and a clock that stands."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from engine.borders.contracts import Ears, Hands, Path
from engine.borders.controls import Controls, Tempo
from engine.borders.errors import UserError
from engine.borders.features import AudioFeatures, Onset
from engine.borders.params import Params as AnyParams
from engine.borders.preset import Preset
from engine.borders.tick import Tick
from engine.borders.timecode import BY_NAME, Mark, Timecode
from engine.cli.chase import check
from engine.cli.live import LiveOptions
from engine.control.routing.desk import Desk
from engine.gesture.chased import Chased, ChasedCues, ChasedEars, ChasedHands, ChasedWalk
from engine.gesture.reader import LoggedCue, LoggedFrame, Performance
from tests.builders.params import Params

FPS, HOP = 50, 0.01
HOUR, AT = 3600.0, Mark(1, 0, 0)


def performance(told: bool = False) -> Performance:
    """Ten seconds, from 1.0 s of their night on: a hop each 10 ms, a press a second, a cue at 4 s."""
    frames = []
    for index in range(10 * FPS):
        time = 1.0 + index / FPS
        hops = tuple(
            AudioFeatures(time=round(time - HOP + k * HOP, 6), bass=time, onsets=(Onset(time, time, 1.0),) * (k == 0))
            for k in range(2)
        )
        controls = Controls(
            values={"midi.knob_1": time / 11.0},
            edges=("key.A",) * (index % FPS == 0),
            commands=("record", "panic") * (index == 3 * FPS),
            overrides={"speed": 0.3},
            tempo=Tempo(120.0, time * 2.0),
            timecode=Timecode(HOUR + time, BY_NAME["25"], "runs") if told else None,
        )
        onsets = tuple(onset for hop in hops for onset in hop.onsets)
        features = AudioFeatures(time=hops[-1].time, bass=time, onsets=onsets, recent=hops)
        frames.append(LoggedFrame(Tick(index, time, 1 / FPS), features, controls, phases=(time / 11.0,)))
    cue = LoggedCue(3 * FPS, Preset("second"), 2.0, None)
    return Performance(cast("object", None), {}, Preset("first"), tuple(frames), (cue,), ())  # type: ignore[arg-type]


class Clock:
    """Timecode that the test sets."""

    def __init__(self) -> None:
        self.position: float | None = None
        self.state, self.now = "runs", None

    def at(self, tick: Tick) -> Timecode | None:
        return None if self.position is None else Timecode(self.position, BY_NAME["25"], self.state)

    def hear(self, kind: str, data: Sequence[int], time: float) -> None:
        return


class Live(Hands):
    def __init__(self) -> None:
        self.controls = Controls()

    def read(self, tick: Tick) -> Controls:
        return self.controls


class Input(Ears):
    def latest(self, tick: Tick) -> AudioFeatures:
        return AudioFeatures(time=tick.time, bass=99.0)

    def close(self) -> None:
        return


class Way:
    """A path that notes where it was made to stand."""

    phases, stood = (0.0,), ()

    def stand(self, phases: Sequence[float], params: AnyParams) -> None:
        self.stood = (*self.stood, phases[0])


class Show:
    """A show at 60 frames a second that began at 0 s, under a clock that is at ``place`` s of that night."""

    def __init__(self, begins: Mark | None = AT, told: bool = False) -> None:
        self.clock, self.live, self.way = Clock(), Live(), Way()
        self.chased = chased = Chased(performance(told), self.clock, begins)
        self.ears, self.hands, self.cues = (
            ChasedEars(chased, Input()),
            ChasedHands(chased, self.live),
            ChasedCues(chased),
        )
        self.desk = SimpleNamespace(preset=Preset("first"))
        path, desk = cast(Path, self.way), cast(Desk, self.desk)
        self.walk = ChasedWalk(chased, path, desk, lambda params, tick: np.zeros((1, 1), np.float32))
        self.index, self.begun = 0, []

    def play(self, seconds: float, place: float | None, state: str = "runs") -> list[tuple[AudioFeatures, Controls]]:
        """Play on with the clock from ``place`` on; a cue is taken in the frame after it was asked for."""
        rows = []
        for count in range(round(seconds * 60)):
            moves = count / 60 if state == "runs" else 0.0
            self.clock.position, self.clock.state = None if place is None else HOUR + place + moves, state
            tick = Tick(self.index, self.index / 60, 1 / 60)
            cue, self.index = self.cues.poll(tick), self.index + 1
            rows.append((self.ears.latest(tick), self.hands.read(tick)))
            self.walk(Params(), tick)
            if cue is not None:
                self.begun.append((cue.preset.name, cue.seconds))
                self.desk.preset = cue.preset
        return rows


def test_every_hop_and_press_once_on_the_ticks_of_now() -> None:
    show = Show()
    rows = show.play(8.0, 1.0)
    hops = [hop for features, _ in rows for hop in features.recent]
    assert len(hops) == pytest.approx(800, abs=4)
    assert all(b.time >= a.time for a, b in itertools.pairwise(hops))
    for index, (features, controls) in enumerate(rows):
        assert features.time <= index / 60 + 1e-9
        assert features.bass == pytest.approx(1.0 + index / 60, abs=0.05)
        assert controls.values["midi.knob_1"] == pytest.approx((1.0 + index / 60) / 11.0, abs=0.005)
        assert controls.tempo is not None
        assert controls.tempo.beats == pytest.approx(2.0 + index / 30, abs=1e-6)
        assert not controls.freeze
    assert sum(len(features.onsets) for features, _ in rows) == pytest.approx(400, abs=2)
    assert sum(controls.edges.count("key.A") for _, controls in rows) == 7, "the first was before the clock came"
    assert [controls.commands for _, controls in rows if controls.commands] == [("panic",)]
    assert show.begun == [("second", 2.0)]


def test_a_jump_goes_there_by_a_cut_and_the_path_stands_as_it_did() -> None:
    show = Show()
    show.play(1.0, 1.0)
    (features, controls), *_ = show.play(0.5, 8.0)
    assert (features.bass, len(features.recent)) == (pytest.approx(8.0, abs=0.05), 1)
    assert controls.edges == ()
    assert show.begun == [("second", 0.0)]
    assert (show.chased.index, show.chased.preset.name) == (1, "second"), "what controllers are told"
    show.play(0.5, 2.0)
    assert show.begun == [("second", 0.0), ("first", 0.0)]
    assert show.way.stood == pytest.approx((1.0 / 11.0, (8.0 + 1 / 60) / 11.0, (2.0 + 1 / 60) / 11.0), abs=0.002)


def test_without_a_clock_and_while_it_stands_the_picture_is_frozen() -> None:
    show = Show()
    assert all(controls.freeze for _, controls in show.play(0.2, None))
    assert all(not controls.freeze for _, controls in show.play(1.0, 3.0))
    rows = show.play(1.0, 4.0, "stands")
    assert all(controls.freeze and not features.recent and not features.onsets for features, controls in rows)
    assert all(controls.freeze for _, controls in show.play(0.2, 20.0)), "after its end"


def test_the_performers_own_hands_go_over_it() -> None:
    show = Show()
    show.live.controls = Controls(commands=("screenshot",), blackout=True, overrides={"picture.zoom": 2.0})
    ((_, controls),) = show.play(1 / 60, 2.0)
    assert controls.commands == ("screenshot",)
    assert controls.blackout
    assert controls.overrides == {"speed": 0.3, "picture.zoom": 2.0}


def test_a_log_that_knew_timecode_needs_no_label() -> None:
    ((features, _),) = Show(None, told=True).play(1 / 60, 5.0)
    assert features.bass == pytest.approx(5.0, abs=0.05)


@pytest.mark.parametrize(
    ("given", "said"),
    [({"replay": "f"}, "give --timecode"), ({"replay_at": Mark(0, 0, 0)}, "name one with --replay"),
     ({"replay": "f", "timecode": "mtc", "preset": "tidal"}, "leave --preset away"),
     ({"replay": "f", "timecode": "mtc", "setlist": "s"}, "leave --setlist away")],
)  # fmt: skip
def test_what_cannot_be_chased_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        check(LiveOptions(**given))  # type: ignore[arg-type]
