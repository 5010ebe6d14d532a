"""Seek, pause and loops by key and by OSC: what a rehearsal's song is asked."""

from __future__ import annotations

import math
import socket

import pytest

from engine.borders.tick import Tick
from engine.control.hands.commands import COMMANDS, KEYS
from engine.control.hands.hands import Hands
from engine.control.hands.keyboard import Keyboard
from engine.control.hands.osc import Osc
from engine.control.hands.song_control import REQUESTS
from tests.builders.hands import Cues, packet
from tests.builders.params import TABLE


class Song:
    """A song that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def seek(self, seconds: float) -> None:
        self.asked.append(("seek", seconds))

    def skip(self, seconds: float) -> None:
        self.asked.append(("skip", seconds))

    def pause(self, on: bool | None = None) -> None:
        self.asked.append(("pause", on))

    def loop_from(self, seconds: float | None = None) -> None:
        self.asked.append(("from", seconds))

    def loop_to(self, seconds: float | None = None) -> None:
        self.asked.append(("to", seconds))

    def clear_loop(self) -> None:
        self.asked.append("clear")


class Rehearsal:
    """Hands on keys, on OSC and on a song."""

    def __init__(self, song: Song | None) -> None:
        self.keys: list[tuple[str, str]] = []
        self.told: list[str] = []
        self.osc = Osc("127.0.0.1", 0)
        self.hands = Hands(Keyboard(lambda: self.keys), Cues(), self.told.append, TABLE, osc=self.osc, song=song)

    def press(self, *names: str) -> None:
        self.keys = [(name, "press") for name in names]
        self.hands.read(Tick(0, 0.0, 0.0))

    def send(self, *packets: bytes) -> None:
        self.keys = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for octets in packets:
                sender.sendto(octets, ("127.0.0.1", self.osc.port))
        self.hands.read(Tick(0, 0.0, 0.0))


@pytest.fixture
def song() -> Song:
    return Song()


@pytest.fixture
def rehearsal(song: Song):
    made = Rehearsal(song)
    yield made
    made.osc.close()


def test_keys_seek_pause_and_loop(rehearsal: Rehearsal, song: Song) -> None:
    rehearsal.press("J", "L", "U", "I", "ENTER", "Q", "W", "E")
    assert song.asked == [
        ("skip", -5.0), ("skip", 5.0), ("skip", -30.0), ("skip", 30.0), ("pause", None), ("from", None), ("to", None),
        "clear",
    ]  # fmt: skip


def test_osc_does_the_same_and_names_places(rehearsal: Rehearsal, song: Song) -> None:
    rehearsal.send(packet("/transport/seek", 90.0), packet("/transport/skip", -2.5), packet("/transport/pause"),
                   packet("/transport/pause", 1), packet("/transport/pause", 0), packet("/transport/play"))  # fmt: skip
    assert song.asked == [
        ("seek", 90.0), ("skip", -2.5), ("pause", None), ("pause", True), ("pause", False), ("pause", False),
    ]  # fmt: skip
    song.asked.clear()
    rehearsal.send(packet("/transport/loop_from", 10.0), packet("/transport/loop_to", 12), packet("/transport/forward"),
                   packet("/transport/forward", 0), packet("/transport/loop_clear"))  # fmt: skip
    assert song.asked == [("from", 10.0), ("to", 12.0), ("skip", 5.0), "clear"]
    assert rehearsal.told == []


def test_of_a_flood_of_places_the_last_one_counts(rehearsal: Rehearsal, song: Song) -> None:
    rehearsal.send(*(packet("/transport/seek", float(n)) for n in range(50)))
    assert song.asked == [("seek", 49.0)]


def test_what_is_wrong_gets_a_line_with_the_nearest_name(rehearsal: Rehearsal, song: Song) -> None:
    rehearsal.send(packet("/transport/seek"), packet("/transport/sek", 3.0), packet("/transport/skip", math.nan),
                   packet("/transport/loop_from", "here"))  # fmt: skip
    rehearsal.press()
    assert song.asked == []
    assert len(rehearsal.told) == 4
    assert sum("'/transport/seek'" in line for line in rehearsal.told) == 1


def test_without_a_song_a_line_says_so_once() -> None:
    live = Rehearsal(None)
    live.press("ENTER", "J")
    live.send(packet("/transport/seek", 3.0))
    assert len(live.told) == 1
    assert "vj rehearse" in live.told[0]
    live.osc.close()


def test_every_request_has_a_command_or_takes_a_number() -> None:
    commands = {name.removeprefix("transport.") for name in COMMANDS if name.startswith("transport.")}
    assert set(REQUESTS) - commands == {"seek", "skip", "play"}
    assert commands <= set(REQUESTS)
    assert {does for does in KEYS.values() if does.startswith("transport.")} == {
        f"transport.{name}" for name in commands
    }
