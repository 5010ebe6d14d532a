"""Ableton Link with a real peer in this process: followed, never led unless asked, left and found again.

`python -m benchmarks.link` joins peers of another process fifty times.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from engine.borders.features import AudioFeatures
from engine.borders.tick import Tick
from engine.control.hands.hands import Hands
from engine.control.hands.keyboard import Keyboard
from engine.control.routing.beat import Beat
from engine.control.timing import link_scout
from engine.control.timing.stage_time import StageTime
from tests.builders.hands import Cues, Ports
from tests.builders.params import TABLE

if TYPE_CHECKING:
    from link import Link

    from engine.control.timing.link import LinkTempo

PATIENCE = 60.0  # s; peers on a crowded machine have met by then
ALIVE = b"_asdp_v\x01\x01\x05\x00\x00ABCDEFGH" + b"tmln\0\0\0\x18" + (500000).to_bytes(8, "big") + bytes(16)


class Room:
    """Peers and followers, all of which leave after the test."""

    def __init__(self) -> None:
        self.peers: list[Link] = []
        self.followers: list[LinkTempo] = []
        self.told: list[str] = []
        self.start = time.monotonic()

    def peer(self, bpm: float) -> Link:
        from link import Link

        self.peers.append(Link(bpm))
        self.peers[-1].enabled = True
        return self.peers[-1]

    def follower(self, lead: bool = False) -> LinkTempo:
        from engine.control.timing.link import LinkTempo

        self.followers.append(LinkTempo(lead, self.told.append, StageTime()))
        return self.followers[-1]

    def tick(self) -> Tick:
        return Tick(0, time.monotonic() - self.start, 1 / 60)

    def until(self, there: Callable[[], bool]) -> None:
        """Wait, frame by frame."""
        deadline = time.monotonic() + PATIENCE
        while not there():
            assert time.monotonic() < deadline, [follower.line() for follower in self.followers]
            for follower in self.followers:
                follower.tempo(self.tick())
            time.sleep(0.01)

    def close(self) -> None:
        for follower in self.followers:
            follower.close()
        for peer in self.peers:
            peer.enabled = False


@pytest.fixture
def room() -> Iterator[Room]:
    pytest.importorskip("link")
    pytest.importorskip("fcntl")  # a group of addresses on the loopback is Linux's and macOS's
    room = Room()
    yield room
    room.close()


@pytest.mark.alone
def test_a_session_is_followed_and_left_and_found_again(room: Room) -> None:
    """The peer keeps its tempo, whoever was first; a second engine joins as well; alone, nobody is followed."""
    one = room.follower()
    assert one.tempo(room.tick()) is None
    peer = room.peer(93.0)
    room.until(lambda: one.tempo(room.tick()) is not None)
    assert peer.captureSessionState().tempo() == pytest.approx(93.0, rel=1e-5)
    assert one.line().startswith("1 peer, 93.00 bpm")
    two = room.follower()
    room.until(lambda: "2 peers" in one.line() and "2 peers" in two.line())
    moment = room.tick()
    micros = peer.clock().micros()
    beat = peer.captureSessionState().beatAtTime(micros, 4.0)
    for follower in (one, two):
        tempo = follower.tempo(moment)
        assert tempo is not None
        assert (tempo.exact, tempo.source) == (True, "Link")
        assert (tempo.beats - beat + 2.0) % 4.0 - 2.0 == pytest.approx(0.0, abs=0.1)  # ms in the benchmark
    state = peer.captureSessionState()
    state.setTempo(140.0, peer.clock().micros())
    peer.commitSessionState(state)
    room.until(lambda: "140.00 bpm" in one.line() and "140.00 bpm" in two.line())
    two.close()
    room.followers.remove(two)
    peer.enabled = False
    room.until(lambda: one.line() == "no peers")
    room.until(lambda: one._link is None)
    again = room.peer(77.0)
    room.until(lambda: "77.00 bpm" in one.line())
    assert again.captureSessionState().tempo() == pytest.approx(77.0, rel=1e-5)
    assert room.told == ["Link: a peer is here", "Link: nobody is there any more", "Link: a peer is here"] or (
        room.told.count("Link: a peer is here") == 3  # the second engine tells, too
    )


@pytest.mark.alone
def test_only_a_lead_proposes_and_stop_holds_the_beat(room: Room) -> None:
    peer, follower = room.peer(120.0), room.follower()
    room.until(lambda: follower.tempo(room.tick()) is not None)
    follower.propose(150.0)
    lead = room.follower(lead=True)
    room.until(lambda: "2 peers" in lead.line() and "2 peers" in follower.line())
    assert peer.captureSessionState().tempo() == pytest.approx(120.0, rel=1e-5)
    lead.propose(100.0)
    room.until(lambda: "100.00 bpm" in follower.line())
    room.until(lambda: abs(peer.captureSessionState().tempo() - 100.0) < 0.01)
    peer.startStopSyncEnabled = True
    for playing in (True, False):
        state = peer.captureSessionState()
        state.setIsPlaying(playing, peer.clock().micros())
        peer.commitSessionState(state)
        room.until(lambda now=playing: follower._played and follower._playing is now)
    held = follower.tempo(room.tick())
    time.sleep(0.05)
    assert held == follower.tempo(room.tick())
    assert "stopped" in follower.line()


class Given:
    """A session at 100 bpm whose beat 0 was at 0 s."""

    asked: list[float]

    def __init__(self) -> None:
        self.asked, self.there = [], True

    def tempo(self, tick: Tick) -> object:
        from engine.borders.controls import Tempo

        return Tempo(100.0, tick.time * 100.0 / 60.0, True, "Link") if self.there else None

    def propose(self, bpm: float) -> None:
        self.asked.append(bpm)


def test_midi_clock_is_trusted_more_and_taps_less() -> None:
    session, ports, keys = Given(), Ports(), [("SPACE", "press")]
    hands = Hands(Keyboard(lambda: tuple(keys)), Cues(), lambda line: None, TABLE, midi=ports, link=session)
    sources = []
    for index in range(600):
        now = index / 60
        keys[:] = [("SPACE", "press"), ("SPACE", "release")] if index % 30 == 0 else []
        session.there = index < 480
        if 120 <= index < 300:
            for k in range(2):
                ports.say(0xF8, time=now + k / 120)
        tempo = hands.read(Tick(index, now, 1 / 60)).tempo
        sources.append(None if tempo is None else tempo.source)
    assert sources[100] == "Link"
    assert sources[200] == "MIDI clock"
    assert sources[450] == "Link"
    assert sources[590] == "tapped"
    assert session.asked
    assert all(bpm == pytest.approx(120.0) for bpm in session.asked)


def test_cues_that_are_quantised_land_on_the_bar_of_the_session() -> None:
    """The count of beats takes the session's own: its multiples of four are the session's bars."""
    beat, session = Beat(), Given()
    for index in range(300):
        tick = Tick(index, 7.7 + index / 60, 1 / 60 if index else 0.0)
        tempo = session.tempo(tick)
        beat(AudioFeatures(), tempo if index > 30 else None, 1.0, tick)
    assert beat.position == pytest.approx(tick.time * 100.0 / 60.0)


def test_a_tick_has_its_place_on_the_machines_clock() -> None:
    """Frames that begin late do not move it; a machine that slept does."""
    now, stage = 50.0, StageTime(lambda: now)
    for index, late in enumerate((0.004, 0.0, 0.007, 0.002)):
        now = 50.0 + index / 60 + late
        stage.at(Tick(index, index / 60, 1 / 60))
    now = 50.0 + 4 / 60 + 0.005
    assert stage.at(Tick(4, 4 / 60, 1 / 60)) == pytest.approx(50.0 + 4 / 60)
    now += 30.0
    assert stage.at(Tick(5, 5 / 60, 1 / 60)) == pytest.approx(80.0 + 5 / 60, abs=0.02)


def test_what_peers_say_and_what_is_rubbish() -> None:
    """A hundred thousand packets with LATENTVJ_LONG=1."""
    said = link_scout.read(ALIVE)
    assert said == link_scout.Peer(link_scout.ALIVE, b"ABCDEFGH", 120.0)
    rng = random.Random(9)
    for _ in range(100_000 if os.environ.get("LATENTVJ_LONG") else 5_000):
        octets = bytearray(ALIVE if rng.random() < 0.7 else rng.randbytes(rng.randrange(120)))
        for _ in range(rng.randrange(4)):
            if octets:
                octets[rng.randrange(len(octets))] = rng.randrange(256)
        found = link_scout.read(bytes(octets[: rng.randrange(len(octets) + 1)]))
        assert found is None or found.bpm == 0.0 or 20.0 <= found.bpm <= 999.0


@pytest.mark.alone
def test_a_flood_of_packets_leaves_the_session_as_it_is(room: Room) -> None:
    """A hundred thousand packets to Link's own group, in a session of two, with LATENTVJ_LONG=1."""
    peer, follower = room.peer(126.0), room.follower()
    room.until(lambda: (found := follower.tempo(room.tick())) is not None and abs(found.bpm - 126.0) < 0.01)
    rng = random.Random(11)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for index in range(100_000 if os.environ.get("LATENTVJ_LONG") else 3_000):
            octets = bytearray(ALIVE if rng.random() < 0.5 else rng.randbytes(rng.randrange(1, 200)))
            for _ in range(rng.randrange(1, 6)):
                octets[rng.randrange(len(octets))] = rng.randrange(256)
            with contextlib.suppress(OSError):  # no room for more
                sender.sendto(octets, (link_scout.GROUP, link_scout.PORT))
            if index % 100 == 0:
                follower.tempo(room.tick())
    room.until(lambda: (found := follower.tempo(room.tick())) is not None and abs(found.bpm - 126.0) < 0.01)
    assert peer.captureSessionState().tempo() == pytest.approx(126.0, abs=0.01)
    alone = room.follower()
    alone.close()
