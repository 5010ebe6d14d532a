"""OSC in: clamped, limited, and deaf to rubbish."""

import math
import os
import random
import select
import socket
import time
from collections.abc import Callable

import pytest

from engine.borders.errors import UserError
from engine.borders.features import AudioFeatures
from engine.borders.tick import Tick
from engine.control.hands.hands import Hands
from engine.control.hands.keyboard import Keyboard
from engine.control.hands.osc import CONTROLS, PRESSES, Asked, Osc
from engine.control.hands.osc_messages import messages
from engine.control.hands.overrides import UNKNOWN
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


def test_a_flood_of_one_value_is_one_value_and_names_do_not_pile_up(line) -> None:
    assert line(*[packet("/control/x", 1.0)] * 84) == [Asked("control", "x", 1.0)]
    assert line() == []
    for start in range(0, CONTROLS + 120, 120):
        known = line(*[packet(f"/control/n{start + k}", 1.0) for k in range(120)])
    assert len(known) < 120


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


def raw(address: str, types: str, arguments: bytes = b"") -> bytes:
    """Return a message as any program might write it."""
    return b"".join(part + bytes(4 - len(part) % 4) for part in (address.encode(), types.encode())) + arguments


def until(met: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20.0
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_of_a_flood_the_last_value_of_every_address_arrives_and_every_press_in_order() -> None:
    """Far more than the system's buffer holds, while the loop reads nothing."""
    osc = Osc("127.0.0.1", 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for number in range(6000):
            out.sendto(packet(f"/control/a/{number % 7}", number / 6000), ("127.0.0.1", osc.port))
            if number % 1000 == 500:
                out.sendto(packet("/command/tap"), ("127.0.0.1", osc.port))
                out.sendto(packet("/cue", number), ("127.0.0.1", osc.port))
            if number % 50 == 49:
                until(lambda number=number: osc.dropped() >= number + 1 - 7)
        asked = osc.poll()
        last = {a.name: a.value for a in asked if a.kind == "control"}
        assert last == {f"a.{k % 7}": pytest.approx(k / 6000) for k in range(5993, 6000)}
        assert [a.value for a in asked if a.kind == "cue"] == [500.0, 1500.0, 2500.0, 3500.0, 4500.0, 5500.0]
        assert sum(a.kind == "command" for a in asked) == 6
        assert osc.dropped() == 6000 - 7
        assert osc.poll() == []
    osc.close()


def test_a_value_that_comes_after_panic_stays_after_it(line) -> None:
    asked = line(packet("/params/speed", 0.1), packet("/command/panic"), packet("/params/speed", 0.2))
    assert [(a.kind, a.value) for a in asked] == [("command", 1.0), ("params", pytest.approx(0.2))]


def test_rubbish_after_a_value_does_not_take_its_place(line) -> None:
    asked = line(packet("/params/speed", 0.1), packet("/params/speed", "x"), packet("/params/speed", float("nan")))
    assert [(a.name, a.value) for a in asked] == [("speed", pytest.approx(0.1))]


def test_an_address_that_is_known_is_read_as_the_first_time(line) -> None:
    first = line(packet("/params/speed", 0.1), packet("/control/x", 0.2), packet("/control/speed", 0.3))
    assert [(a.kind, a.name) for a in first] == [("params", "speed"), ("control", "x"), ("control", "speed")]
    again = line(packet("/control/x", 7.0), packet("/params/speed", 7.0), packet("/params/speed", float("inf")),
                 packet("/control/speed", -1.0), packet("/control/x", 1))  # fmt: skip
    assert again == [Asked("params", "speed", 7.0), Asked("control", "speed", 0.0), Asked("control", "x", 1.0)]
    two = packet("/control/y", [1.0, 2.0])
    assert line(two, two) == [Asked("control", "y", 1.0)]


def bundle(*parts: bytes) -> bytes:
    return b"#bundle\0" + bytes(8) + b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def test_a_scene_in_one_long_bundle_comes_whole(line) -> None:
    scene = bundle(*(packet(f"/control/scene/of/the/second/act/fader_{n:03d}/value", 0.5) for n in range(600)))
    assert 30_000 < len(scene) < 65_507
    asked = line(scene)
    assert len(asked) == 600
    assert asked[-1].name == "scene.of.the.second.act.fader_599.value"


@pytest.mark.parametrize("name", ["x" * 65, "a\x1bb", "y" * 9000])
def test_a_name_that_cannot_be_is_told_in_a_line_that_is_no_longer_than_one(name: str) -> None:
    osc = Osc("127.0.0.1", 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(3):
            sender.sendto(packet(f"/control/{name}", 0.5), ("127.0.0.1", osc.port))
    assert osc.poll() == []
    (refused,) = osc.refused()
    osc.close()
    assert "64 characters" in refused.why
    assert f"/control/{name}".startswith(refused.address)
    assert len(refused.address) <= 120


def test_a_flood_of_presses_keeps_the_newest() -> None:
    osc = Osc("127.0.0.1", 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for number in range(PRESSES + 100):
            out.sendto(packet("/cue", number), ("127.0.0.1", osc.port))
            if number % 50 == 49:
                until(lambda: not select.select((osc._socket,), (), (), 0.0)[0])
        asked = osc.poll()
    osc.close()
    assert [a.value for a in asked] == [float(number) for number in range(100, PRESSES + 100)]


@pytest.mark.parametrize("types", [",I", ",T", ",iI", ",[i]", ",iq", ",ic", ",fSN"])
def test_every_type_there_is_and_the_next_one_too(types: str, line, capfd: pytest.CaptureFixture[str]) -> None:
    one = b"\0\0\0\1" if "i" in types else b"\x3f\x80\0\0" if "f" in types else b""
    asked = line(raw("/control/x", types, one + b"abc\0" * 2))
    assert asked == [Asked("control", "x", 1.0)]
    assert capfd.readouterr() == ("", "")


def test_what_nothing_answers_to_is_told_once_with_the_nearest(capfd: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []
    osc = Osc("127.0.0.1", 0)
    hands = Hands(Keyboard(lambda: ()), Cues(), told.append, TABLE, osc=osc)
    sent = (
        raw("/go", ",I"), raw("/go", ",q"), raw("/parms/picture/zoom", ",i", bytes(4)), raw("/zoom", ",i", bytes(4)),
        raw("/picture/zoom", ",i", bytes(4)), raw("/command/blakout", ","), raw("/contrl/x", ",i", bytes(4)),
        raw("/params/speed", ",s", b"fast" + bytes(4)), raw("/params/speed", ",q", b"1234"),
        raw("/cue", ",i", b"\xff" * 4), raw("/command/tap", ",q"),
    )  # fmt: skip
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for index in range(40):
            for octets in sent:
                out.sendto(octets, ("127.0.0.1", osc.port))
            hands.read(Tick(index, index / 60, 1 / 60))
    osc.close()
    assert told == [
        "OSC: nothing answers to '/go'; "
        "addresses are /params/NAME, /control/NAME, /command/NAME, /transport/NAME and /cue",
        "OSC: nothing answers to '/parms/picture/zoom'; did you mean '/params/picture/zoom'?",
        "OSC: nothing answers to '/zoom'; did you mean '/params/picture/zoom'?",
        "OSC: nothing answers to '/picture/zoom'; did you mean '/params/picture/zoom'?",
        "OSC: nothing answers to '/command/blakout'; did you mean '/command/blackout'?",
        "OSC: nothing answers to '/contrl/x'; did you mean '/control/x'?",
        "OSC: /params/speed: it takes a number, not 'fast'",
        "OSC: /cue: it takes a cue's number or name, not -1.0",
        "OSC: /command/tap: its argument has a type that is not known here, 'q'",
    ]
    assert capfd.readouterr() == ("", "")


def test_one_broken_part_of_a_bundle_does_not_take_the_others_with_it() -> None:
    parts = [
        packet("/control/x", 0.5),
        raw("/control/y", ",f"),
        raw("/control/z", ",q"),
        b"noise---",
        packet("/cue", 3),
    ]
    octets = b"#bundle\0" + bytes(8) + b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    assert [message.address for message in messages(octets)] == ["/control/x", "/control/z", "/cue"]
