"""OSC out, read from a real socket: only what has changed, at most 60 messages a second, cues before parameters."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest
from pythonosc.osc_message import OscMessage

from engine.borders.controls import Controls, Tempo
from engine.borders.errors import UserError
from engine.borders.features import AudioFeatures
from engine.borders.moment import Moment
from engine.borders.preset import Preset
from engine.borders.tick import Tick
from engine.control.feedback.osc_out import OscOut
from engine.control.hands.osc import Osc
from engine.control.routing.beat import Beat
from engine.system.network import endpoint
from tests.builders.params import TABLE, Params

FPS = 60
LIMIT = 60  # messages within any second


class Stage:
    """A show of which only the feedback is real: what plays is set by the test, frame by frame."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(10.0)
        self.index, self.wanted, self.preset = 0, None, Preset("tidal")
        self.beat, self.told, self.frames = Beat(), [], 0
        to = self.socket.getsockname()
        self.door = OscOut(to, self.beat, self, AudioFeatures, self.told.append, lambda: self.frames / FPS)

    def frame(self, values: dict[str, float] | None = None, **held: object) -> list[tuple[str, object]]:
        """Play a frame; return the messages that it sent."""
        self.frames += 1
        tick = Tick(self.frames, self.frames / FPS, 1 / FPS)
        controls = Controls(**held)
        self.beat(AudioFeatures(), controls.tempo, 1.0, tick)
        before = self.sent
        moment = SimpleNamespace(tick=tick, controls=controls, params=Params(values or {}))
        self.door.attend(cast(Moment, moment))
        messages = [OscMessage(self.socket.recv(4096)) for _ in range(self.sent - before)]
        return [(message.address, message.params[0]) for message in messages]

    @property
    def sent(self) -> int:
        return int(self.door.line().split()[-2])

    def play(self, seconds: float, values: dict[str, float] | None = None, **held: object) -> list[tuple[str, object]]:
        return [message for _ in range(round(seconds * FPS)) for message in self.frame(values, **held)]


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.door.close()
    stage.socket.close()


def test_a_start_tells_everything_once_and_then_nothing(stage: Stage) -> None:
    told = stage.play(len(TABLE) / 36 + 1.0, {"picture.zoom": 1.5})
    assert len(dict(told)) == len(told), "an address twice"
    parameters = {address: value for address, value in told if address.startswith("/params/")}
    assert len(parameters) == len(TABLE)
    assert parameters["/params/picture/zoom"] == 1.5
    assert {a: v for a, v in told if a not in parameters} == {
        "/cue": 0, "/cue/name": "tidal", "/cue/wanted": -1, "/state/blackout": 0, "/state/freeze": 0,
        "/tempo/source": "",
    }  # fmt: skip
    assert stage.play(5.0, {"picture.zoom": 1.5}) == []
    assert stage.play(0.5, {"picture.zoom": 1.25}) == [("/params/picture/zoom", 1.25)]


def test_the_limit_holds_while_everything_moves_and_a_cue_does_not_wait(stage: Stage) -> None:
    names = [name for name, param in TABLE.items() if not param.whole]
    times: list[float] = []
    seen: dict[str, int] = {}
    for frame in range(10 * FPS):
        if frame == 5 * FPS:
            stage.index, stage.preset = 3, Preset("pond")
        values = {name: TABLE[name].low + (frame % 97) / 97 * (TABLE[name].high - TABLE[name].low) for name in names}
        told = stage.frame(values, tempo=Tempo(174.0, frame / FPS * 2.9))
        times += [frame / FPS] * len(told)
        for address, _ in told:
            seen[address] = seen.get(address, 0) + 1
        if frame == 5 * FPS:
            assert ("/cue", 3) in told
            assert ("/cue/name", "pond") in told
    assert max(sum(1 for t in times if start <= t < start + 1.0) for start in times) <= LIMIT
    assert len(times) > 9 * 36, "the limit is used"
    moving = [seen.get("/params/" + name.replace(".", "/"), 0) for name in names]
    assert max(moving) - min(moving) <= 2, "every parameter has its turn"
    assert seen["/beat"] == 29, "every beat is told"


def test_what_a_hand_has_just_set_goes_first(stage: Stage) -> None:
    names = [name for name, param in TABLE.items() if not param.whole and name != "picture.zoom"]
    for frame in range(FPS):
        low = {name: TABLE[name].clamp(TABLE[name].low + frame % 2) for name in names}
        assert ("/params/picture/zoom", 2.0) not in stage.frame(low)
    told = stage.play(0.1, low | {"picture.zoom": 2.0}, overrides={"picture.zoom": 2.0})
    assert told[0] == ("/params/picture/zoom", 2.0)


def test_the_tempo_its_source_and_every_beat(stage: Stage) -> None:
    stage.play(8.0)
    told = [message for f in range(2 * FPS) for message in stage.frame(tempo=Tempo(120.0, f / FPS * 2.0, True, "Link"))]
    assert [m for m in told if m[0] != "/beat"] == [("/tempo/source", "Link"), ("/tempo", 120.0)]
    assert [value for address, value in told if address == "/beat"] == [0, 1, 2, 3]


def test_all_is_told_again_when_asked(stage: Stage) -> None:
    stage.play(8.0)
    assert stage.play(1.0) == []
    again = stage.play(1 / FPS, commands=("feedback",)) + stage.play(8.0)
    assert len(again) == len(TABLE) + 6


def test_what_goes_out_comes_in_again() -> None:
    """A controller that sends back what it shows changes nothing."""
    stage, osc = Stage(), Osc("127.0.0.1", 0)
    stage.play(8.0, {"speed": 0.1})
    stage.door.close()
    stage.door = OscOut(("127.0.0.1", osc.port), stage.beat, stage, AudioFeatures, stage.told.append)
    moment = SimpleNamespace(tick=Tick(0, 0.0, 0.0), controls=Controls(), params=Params({"speed": 0.1}))
    stage.door.attend(cast(Moment, moment))
    asked = osc.poll()
    assert ("cue", "", 0.0) in asked
    assert all(TABLE[each.name].low <= each.value <= TABLE[each.name].high for each in asked if each.kind == "params")
    stage.door.close()
    stage.socket.close()
    osc.close()


def test_an_address_that_refuses_costs_a_line(stage: Stage) -> None:
    stage.door.close()  # as a network that is gone: every send raises
    for _ in range(5 * FPS):
        stage.door.attend(cast(Moment, SimpleNamespace(tick=Tick(0, 0.0, 0.0), controls=Controls(), params=Params())))
        stage.frames += 1
    assert len(stage.told) == 1
    assert "OSC out: 127.0.0.1" in stage.told[0]


@pytest.mark.parametrize(
    ("text", "found"),
    [("9001", ("127.0.0.1", 9001)), ("192.168.1.20:9001", ("192.168.1.20", 9001)), ("localhost:1", ("127.0.0.1", 1))],
)
def test_addresses(text: str, found: tuple[str, int]) -> None:
    assert endpoint("--osc-out", text) == found


@pytest.mark.parametrize("text", ["", "0", "65536", "host", "1.2.3.4:", "0.0.0.0:9", "224.0.0.1:9", "255.255.255.255:9",
                                  "no such machine:9", "a..b:9"])  # fmt: skip
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(UserError, match=r"--osc-out"):
        endpoint("--osc-out", text)
