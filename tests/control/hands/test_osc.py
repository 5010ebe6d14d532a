"""OSC in: clamped, limited, and deaf to rubbish."""

import math
import os
import random
import socket

import pytest

from engine.borders.errors import UserError
from engine.borders.features import AudioFeatures
from engine.borders.tick import Tick
from engine.control.hands.hands import UNKNOWN, Hands
from engine.control.hands.keyboard import Keyboard
from engine.control.hands.osc import CONTROLS, PACKETS_A_FRAME, Asked, Osc, messages
from engine.control.routing.routing import Routing
from tests.builders.hands import Cues, packet
from tests.builders.params import TABLE, Params


@pytest.fixture
def line():
    osc = Osc("127.0.0.1", 0)
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def ask(*packets: bytes) -> list[Asked]:
        for octets in packets:
            sender.sendto(octets, ("127.0.0.1", osc.port))
        return osc.poll()

    yield ask
    sender.close()
    osc.close()


def test_parameters_controls_commands_and_cues(line) -> None:
    assert line(packet("/params/picture/zoom", 2.0), packet("/params/picture.zoom", 3)) == [
        Asked("params", "picture.zoom", 2.0), Asked("params", "picture.zoom", 3.0),
    ]  # fmt: skip
    assert line(packet("/control/fader/1", 0.5)) == [Asked("control", "fader.1", 0.5)]
    assert line(packet("/command/panic"), packet("/command/cue/next", 1), packet("/command/tap", 0)) == [
        Asked("command", "panic", 1.0), Asked("command", "cue.next", 1.0),
    ]  # fmt: skip
    assert line(packet("/cue", 3), packet("/cue/4"), packet("/cue", "tidal"), packet("/cue/tidal")) == [
        Asked("cue", "", 3.0), Asked("cue", "", 4.0), Asked("cue", "tidal", -1.0), Asked("cue", "tidal", -1.0),
    ]  # fmt: skip


def test_controls_are_clamped_and_what_is_no_number_is_ignored(line) -> None:
    assert line(packet("/control/y", 1e9), packet("/control/x", -3.0)) == [
        Asked("control", "y", 1.0), Asked("control", "x", 0.0),
    ]  # fmt: skip
    assert line(packet("/params/speed", float("nan")), packet("/params/speed", "fast"), packet("/params/speed"),
                packet("/params", 1.0), packet("/quit", 1), packet("/cue", -1)) == []  # fmt: skip


def test_a_parameter_out_of_range_is_clamped_and_told_but_not_each_time() -> None:
    told: list[str] = []
    osc = Osc("127.0.0.1", 0)
    hands = Hands(Keyboard(lambda: ()), Cues(), told.append, TABLE, osc=osc)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for index in range(600):  # ten seconds of a fader that goes too far
            out.sendto(packet("/params/picture/zoom", 99.0), ("127.0.0.1", osc.port))
            assert hands.read(Tick(index, index / 60, 1 / 60)).overrides == {"picture.zoom": 8.0}
    osc.close()
    assert told == ["OSC: picture.zoom 99 is outside 0.25 to 8; taken as 8"] * 2


def test_a_name_that_no_row_has_is_kept_and_told_once_with_the_nearest() -> None:
    told: list[str] = []
    osc = Osc("127.0.0.1", 0)
    hands = Hands(Keyboard(lambda: ()), Cues(), told.append, TABLE, osc=osc)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for index in range(5):
            out.sendto(packet("/params/picture/zom", 7.0 + index), ("127.0.0.1", osc.port))
            assert hands.read(Tick(index, index / 60, 1 / 60)).overrides == {"picture.zom": 7.0 + index}
        for number in range(UNKNOWN + 40):
            out.sendto(packet(f"/params/nothing/{number}", 1.0), ("127.0.0.1", osc.port))
            controls = hands.read(Tick(9, 1.0, 1 / 60))
    osc.close()
    assert told[0] == "OSC: no parameter 'picture.zom' plays at present; did you mean 'picture.zoom'?"
    assert sum("picture.zom" in line for line in told) == 1
    assert len(controls.overrides) == len(told) == UNKNOWN  # names do not pile up
    assert Routing({}, (), TABLE)(AudioFeatures(), controls, Tick(0, 0.0, 0.0)) == Params()  # and do nothing


def test_a_flood_is_spread_over_frames_and_names_do_not_pile_up(line) -> None:
    assert len(line(*[packet("/control/x", 1.0)] * (PACKETS_A_FRAME + 20))) == PACKETS_A_FRAME
    assert len(line()) == 20
    for start in range(0, CONTROLS + 60, 60):
        known = line(*[packet(f"/control/n{start + k}", 1.0) for k in range(60)])
    assert len(known) < 60


def test_deep_bundles_are_refused() -> None:
    octets = packet("/control/x", 1.0)
    for _ in range(2000):
        octets = b"#bundle\0" + bytes(8) + len(octets).to_bytes(4, "big") + octets
    assert messages(octets) == []


def test_random_packets_do_nothing_bad(line) -> None:
    """A hundred thousand of them with LATENTVJ_LONG=1."""
    rng = random.Random(5)
    values = (1.0, 2, "abc", b"x", True, [1, 2.0])
    good = [packet(address, value) for address in ("/params/speed", "/control/x", "/cue") for value in values]
    good.append(b"#bundle\0" + bytes(8) + len(good[0]).to_bytes(4, "big") + good[0])
    rounds = 100_000 // 50 if os.environ.get("LATENTVJ_LONG") else 40
    for _ in range(rounds):
        packets = [rng.randbytes(rng.randrange(200)) for _ in range(20)]
        for _ in range(30):
            octets = bytearray(rng.choice(good))
            for _ in range(rng.randrange(1, 6)):
                octets[rng.randrange(len(octets))] = rng.randrange(256)
            packets.append(bytes(octets[: rng.randrange(len(octets) + 1)]))
        for asked in line(*packets):
            if asked.kind == "params":
                assert math.isfinite(asked.value)
            elif asked.kind == "control":
                assert 0.0 <= asked.value <= 1.0


def test_a_port_that_is_taken_is_named() -> None:
    first = Osc("127.0.0.1", 0)
    with pytest.raises(UserError, match=rf"--osc-port {first.port}"):
        Osc("127.0.0.1", first.port)
    first.close()
    with pytest.raises(UserError, match="--osc-port"):
        Osc("203.0.113.1", 9000)
