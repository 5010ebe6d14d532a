"""DMX in and out over real sockets, against two other programs' packets, and against rubbish."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator

import pytest

from engine.borders.errors import UserError
from engine.borders.features import AudioFeatures
from engine.borders.preset import Route
from engine.borders.tick import Tick
from engine.control.hands.hands import Hands
from engine.control.hands.keyboard import Keyboard
from engine.control.lights import artnet, artnet_out, sacn
from engine.control.lights.artnet_out import ArtnetSender
from engine.control.lights.dmx_in import LOST_SECONDS, Asked, DmxIn, Holder, parse
from engine.control.routing.routing import Routing
from engine.control.routing.sources import is_source, nearest_source
from tests.builders.hands import Cues
from tests.builders.params import TABLE

CID, OTHER = b"latentvj test 01", b"latentvj test 02"


def e131(universe: int, data: bytes, source: bytes = CID, priority: int = 100, sequence: int = 0, options: int = 0,
         start: int = 0) -> bytes:  # fmt: skip
    """Return an E1.31 data packet, written from the standard's table 4-1."""
    length = 126 + len(data)
    return b"".join((
        b"\x00\x10\x00\x00ASC-E1.17\x00\x00\x00", (0x7000 | length - 16).to_bytes(2, "big"), b"\0\0\0\x04", source,
        (0x7000 | length - 38).to_bytes(2, "big"), b"\0\0\0\x02", b"a desk".ljust(64, b"\0"), bytes([priority]),
        b"\0\0", bytes([sequence, options]), universe.to_bytes(2, "big"),
        (0x7000 | length - 115).to_bytes(2, "big"), b"\x02\xa1\0\0\0\x01", (len(data) + 1).to_bytes(2, "big"),
        bytes([start]), data,
    ))  # fmt: skip


class Desk:
    """A desk and the engine's door on this machine."""

    def __init__(self, *universes: str) -> None:
        self.now = 0.0
        self.door = DmxIn([parse(text) for text in universes], "127.0.0.1", (0, 0), lambda: self.now)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(30.0)

    def send(self, protocol: str, *packets: bytes) -> dict[str, float]:
        for packet in packets:
            self.socket.sendto(packet, ("127.0.0.1", self.door.ports[protocol]))
        return self.door.poll()

    def close(self) -> None:
        self.socket.close()
        self.door.close()


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk("artnet", "artnet:300", "sacn:7")
    yield desk
    desk.close()


def test_art_net_of_another_program(desk: Desk) -> None:
    other = pytest.importorskip("stupidArtnet")
    sender = other.StupidArtnet("127.0.0.1", 300, 512, port=desk.door.ports["artnet"])
    sender.set_single_value(5, 255)
    sender.show()
    assert desk.door.poll() == {"dmx.300.5": 1.0}
    sender.set_single_value(5, 0)
    sender.set_single_value(512, 51)
    sender.show()
    assert desk.door.poll() == {"dmx.300.5": 0.0, "dmx.300.512": 0.2}
    sender.show()
    assert desk.door.poll() == {}, "nothing has changed"
    assert desk.door.line() == "artnet:300 heard"
    sender.close()


def test_sacn_of_another_program(desk: Desk) -> None:
    packets = pytest.importorskip("sacn.messages.data_packet")
    data = (0, 128, 255) + (0,) * 509
    packet = packets.DataPacket(tuple(CID), "a desk", 7, data, priority=120, sequence=9)
    octets = bytes(packet.getBytes())
    assert octets == e131(7, bytes(data), priority=120, sequence=9)
    assert desk.send("sacn", octets) == {"dmx.7.2": 128 / 255, "dmx.7.3": 1.0}


def test_what_goes_out_is_what_another_program_sends_and_takes() -> None:
    other = pytest.importorskip("stupidArtnet")
    theirs = other.StupidArtnet("127.0.0.1", 0x123, 22)
    theirs.set(bytearray(range(22)))
    assert artnet.dmx(0x123, 0, bytes(range(22))) == bytes(theirs.packet_header + theirs.buffer)
    assert artnet.read(artnet.dmx(0x123, 7, bytes(range(21)))) == artnet.ArtDmx(0x123, 7, bytes([*range(21), 0]))
    theirs.close()


def test_a_channel_moves_a_parameter() -> None:
    """From the desk's packet through hands and routing to the picture."""
    desk = Desk("artnet:2")
    hands = Hands(Keyboard(lambda: ()), Cues(), lambda line: None, TABLE, dmx=desk.door)
    routing = Routing({}, [Route("dmx.2.10", "picture.zoom", mode="set", range=(1.0, 3.0))], TABLE)
    tick = Tick(0, 0.0, 1 / 60)
    assert routing(AudioFeatures(), hands.read(tick), tick)["picture.zoom"] == 1.0
    packet = artnet.dmx(2, 1, bytes(9) + bytes([255]) + bytes(2))
    desk.socket.sendto(packet, ("127.0.0.1", desk.door.ports["artnet"]))
    assert routing(AudioFeatures(), hands.read(tick), tick)["picture.zoom"] == 3.0
    desk.close()


def test_names_of_sources() -> None:
    for name in ("dmx.0.1", "dmx.63999.512", "dmx.7.99"):
        assert is_source(name)
    for name in ("dmx.", "dmx.1", "dmx.1.0", "dmx.1.513", "dmx.-1.2", "dmx.01.2", "dmx.1.2.3"):
        assert not is_source(name)
        assert "dmx.UNIVERSE.CHANNEL" in nearest_source(name)


def test_other_universes_start_codes_and_previews_are_not_heard(desk: Desk) -> None:
    full = bytes([255] * 8)
    assert desk.send("artnet", artnet.dmx(1, 0, full), artnet.dmx(299, 0, full)) == {}
    assert desk.send("sacn", e131(8, full), e131(7, full, start=0xDD), e131(7, full, options=0x80)) == {}
    assert desk.send("sacn", artnet.dmx(7, 0, full)) == {}


def test_late_packets_and_weaker_sources_do_not_count(desk: Desk) -> None:
    assert desk.send("sacn", e131(7, b"\x10", sequence=250)) == {"dmx.7.1": 16 / 255}
    assert desk.send("sacn", e131(7, b"\x20", sequence=249)) == {}, "late"
    assert desk.send("sacn", e131(7, b"\x30", sequence=3)) == {"dmx.7.1": 48 / 255}, "on, over the end of a byte"
    assert desk.send("sacn", e131(7, b"\x40", OTHER, 100)) == {}, "another of the same priority"
    assert desk.send("sacn", e131(7, b"\x50", OTHER, 150)) == {"dmx.7.1": 80 / 255}, "a stronger one"
    assert desk.send("sacn", e131(7, b"\x60", sequence=9)) == {}
    assert desk.send("sacn", e131(7, b"", OTHER, 150, options=0x40), e131(7, b"\x60", sequence=10)) == {
        "dmx.7.1": 96 / 255
    }, "it has ended"
    desk.now += LOST_SECONDS + 0.1
    assert desk.send("sacn", e131(7, b"\x70", OTHER, 1)) == {"dmx.7.1": 112 / 255}, "the other is lost"
    assert desk.send("artnet", artnet.dmx(0, 9, b"\x01\x00"), artnet.dmx(0, 8, b"\x02\x00")) == {"dmx.0.1": 1 / 255}


def test_a_desk_that_looks_for_nodes_is_answered(desk: Desk) -> None:
    """One reply a universe, 239 bytes each, with the port-address in net, sub-net and output."""
    desk.send("artnet", b"Art-Net\0\x00\x20\x00\x0e\x02\x00", b"Art-Net\0\x00\x20\x00\x0e\x02\x00")
    replies = [desk.socket.recv(4096) for _ in range(2)]
    assert [len(reply) for reply in replies] == [239, 239]
    for reply, universe in zip(replies, (0, 300), strict=True):
        assert reply[:10] == b"Art-Net\0\x00\x21"
        assert reply[10:16] == bytes((127, 0, 0, 1, 0x36, 0x19))
        assert reply[18] << 8 | reply[19] << 4 | reply[190] == universe
        assert reply[26:34] == b"latentvj"
        assert reply[173] == 1, "one port"
        assert reply[174] == 0x80, "which puts DMX out"
    desk.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        desk.socket.recv(4096)  # the second question in one frame is not answered


def test_at_most_forty_a_second_and_what_stands_is_sent_again() -> None:
    now, told = 0.0, []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard:
        heard.bind(("127.0.0.1", 0))
        heard.setblocking(False)
        sender = ArtnetSender(("127.0.0.1", 5), told.append, heard.getsockname()[1], lambda: now)
        for index in range(1000):
            now = index / 500
            if sender.due():
                sender.send(bytes([index % 256, 0]))
        assert 70 <= sender.sent <= 81
        moving = sender.sent
        for index in range(4000):
            now = 2.0 + index / 500
            sender.send(b"\x07\x00")
        assert sender.sent - moving == pytest.approx(10, abs=1)
        heard.settimeout(30.0)
        packets = [artnet.read(heard.recv(600)) for _ in range(sender.sent)]
        assert all(isinstance(packet, artnet.ArtDmx) and packet.universe == 5 for packet in packets)
        assert [packet.sequence for packet in packets] == list(range(1, len(packets) + 1))
        sender.close()
        for index in range(1000):
            now = 20.0 + index / 100
            sender.send(bytes([index % 256, 1]))
        assert len(told) == 1, "a network that is gone costs a line"


def test_the_channels_that_a_desk_gets() -> None:
    heard = AudioFeatures(loudness=-30.0, bass=1.0, mid=4.0, treble=0.0, onset_strength=0.5)
    assert artnet_out.channels(heard, 1.0, [(1, 2, 3), (4, 5, 6)]) == bytes(
        (128, 255, 128, 255, 0, 64, 1, 2, 3, 4, 5, 6)
    )
    assert artnet_out.channels(AudioFeatures(), 0.0, [])[:2] == b"\0\0"


@pytest.mark.parametrize(
    ("text", "found"),
    [("artnet", Asked("artnet", 0)), ("artnet:32767", Asked("artnet", 32767)), ("sacn", Asked("sacn", 1)),
     ("sacn:63999", Asked("sacn", 63999))],
)  # fmt: skip
def test_universes(text: str, found: Asked) -> None:
    assert parse(text) == found


@pytest.mark.parametrize("text", ["", "dmx", "artnet:", "artnet:32768", "sacn:0", "sacn:64000", "artnet:-1", "sacn:x"])
def test_what_is_no_universe(text: str) -> None:
    with pytest.raises(UserError, match=r"--dmx-in"):
        parse(text)


def test_addresses_of_desks() -> None:
    assert artnet_out.parse("127.0.0.1") == ("127.0.0.1", 0)
    assert artnet_out.parse("192.168.7.1:32767") == ("192.168.7.1", 32767)
    for wrong in ("", "127.0.0.1:", "127.0.0.1:32768", "127.0.0.1:x", "0.0.0.0", "255.255.255.255", "239.1.1.1", ":3"):
        with pytest.raises(UserError, match=r"--artnet-out"):
            artnet_out.parse(wrong)


def test_a_taken_port_is_a_line() -> None:
    with pytest.raises(UserError, match=r"--dmx-in artnet: cannot listen on 203\.0\.113\.1"):
        DmxIn([parse("artnet")], "203.0.113.1")


def test_random_packets_do_nothing_bad(desk: Desk) -> None:
    """A hundred thousand of each protocol with LATENTVJ_LONG=1: every value stays a channel's, 0..1."""
    rng = random.Random(11)
    good = {
        "artnet": [artnet.dmx(300, 0, bytes(range(64))), b"Art-Net\0\x00\x20\x00\x0e\x02\x00"],
        "sacn": [e131(7, bytes(range(64)))],
    }
    rounds = 2_000 if os.environ.get("LATENTVJ_LONG") else 12
    found: dict[str, float] = {}
    for protocol, whole in good.items():
        for _ in range(rounds):
            packets = [rng.randbytes(rng.randrange(700)) for _ in range(10)]
            for _ in range(40):
                octets = bytearray(rng.choice(whole))
                for _ in range(rng.randrange(1, 5)):
                    octets[rng.randrange(len(octets))] = rng.randrange(256)
                packets.append(bytes(octets[: rng.randrange(len(octets) + 1)]))
            found |= desk.send(protocol, *packets)
            desk.now += 0.1
    for name, value in found.items():
        assert is_source(name)
        assert 0.0 <= value <= 1.0


def test_an_order_that_begins_anew_is_taken() -> None:
    holder = Holder()
    assert [holder.takes(CID, 100, s, 0.0) for s in (10, 11, 11, 5, 240, 241)] == [True, True, False, False, True, True]
    assert sacn.group(513) == "239.255.2.1"
