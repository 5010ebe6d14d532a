"""Whatever comes in by MIDI and OSC, every parameter stays in its range and the show goes on."""

import os
import random
import socket
from pathlib import Path

import pytest

from engine.borders.features import AudioFeatures
from engine.borders.preset import Preset, Route
from engine.borders.tick import Tick
from engine.control.hands.hands import Hands
from engine.control.hands.keyboard import Keyboard
from engine.control.hands.osc import Osc
from engine.control.hands.profiles import Profiles
from engine.control.routing.desk import Desk
from tests.builders.hands import Cues, Ports, packet
from tests.builders.params import TABLE

LONG = bool(os.environ.get("LATENTVJ_LONG"))  # a million bytes, a hundred thousand packets
SOURCES = ("midi.cc.1.1", "midi.bend.1", "midi.note.1.60", "midi.note.1.60.toggle", "osc.x", "beat")


class Stage:
    """Hands on random ports, and a desk whose routes reach every kind of parameter."""

    def __init__(self, folder: Path, osc: Osc | None = None) -> None:
        self.rng, self.ports, self.index = random.Random(3), Ports(), 0
        profiles = Profiles(folder, folder / "own", TABLE, lambda _path, _text: None, lambda _line: None)
        self.hands = Hands(Keyboard(lambda: ()), Cues(), lambda _line: None, TABLE, self.ports, osc, profiles)
        modes = ("add", "multiply", "set")
        routes = (Route(SOURCES[i % len(SOURCES)], name, amount=3.0, mode=modes[i % 3]) for i, name in enumerate(TABLE))
        self.desk = Desk(Preset("x", routes=tuple(routes)), TABLE)

    def frame(self) -> None:
        """Play one frame and look at every parameter."""
        self.index += 1
        tick = Tick(self.index, self.index / 60, 1 / 60)
        params = self.desk(AudioFeatures(time=tick.time), self.hands.read(tick), tick)
        for name, param in TABLE.items():
            assert param.low <= params[name] <= param.high, name


def test_random_midi_bytes(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    for frame in range(1000 if LONG else 15):
        for part in range(10):
            octets = stage.rng.randbytes(100)
            stage.ports.say(*octets, port=f"port {part % 3}", time=frame / 60 + part / 1000)
        if frame % 50 == 49:
            stage.ports.went.append("port 1")
        stage.frame()


def test_random_osc_packets(tmp_path: Path) -> None:
    """Half of them noise, half of them almost right."""
    osc = Osc("127.0.0.1", 0)
    stage = Stage(tmp_path, osc)
    values = (1e30, -1, float("nan"), float("inf"), "abc", True, 0.5)
    good = [
        packet(f"/{head}", value)
        for value in values
        for head in (
            "params/speed",
            "params/picture/zoom",
            "control/x",
            "command/tap",
            "command/panic",
            "command/learn",
            "cue",
        )
    ]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for _ in range(2000 if LONG else 20):
            for _ in range(25):
                out.sendto(stage.rng.randbytes(stage.rng.randrange(120)), ("127.0.0.1", osc.port))
                octets = bytearray(stage.rng.choice(good))
                for _ in range(stage.rng.randrange(3)):
                    octets[stage.rng.randrange(len(octets))] = stage.rng.randrange(256)
                out.sendto(octets, ("127.0.0.1", osc.port))
            stage.frame()
    osc.close()


@pytest.mark.parametrize("octets", [(0xB0, 1, 127), (0x90, 60, 127), (0xE0, 127, 127)])
def test_the_routes_of_this_stage_are_felt(tmp_path: Path, octets: tuple[int, ...]) -> None:
    stage = Stage(tmp_path)
    tick = Tick(0, 0.0, 0.0)
    before = stage.desk(AudioFeatures(), stage.hands.read(tick), tick)
    stage.ports.say(*octets)
    tick = Tick(1, 1 / 60, 1 / 60)
    after = stage.desk(AudioFeatures(), stage.hands.read(tick), tick)
    assert dict(before) != dict(after)
