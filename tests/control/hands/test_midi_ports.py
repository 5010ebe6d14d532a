"""Which ports are listened to, and by what name: RtMidi's clients replaced by a small one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from engine.borders.errors import UserError
from engine.control.hands import midi


class System:
    """The ports of a system, and what they send."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.waiting: list[tuple[list[int], float]] = []
        self.clients = 0


class Client:
    """Half of RtMidi's: an input or output on the system."""

    def __init__(self, system: System) -> None:
        self.system, self.open = system, False
        system.clients += 1

    def get_ports(self) -> list[str]:
        return list(self.system.names)

    def open_port(self, index: int, name: str) -> None:
        self.open = bool(self.system.names[index])

    def close_port(self) -> None:
        self.open = False

    def delete(self) -> None:
        self.system.clients -= 1

    def ignore_types(self, **_kinds: bool) -> None:
        pass

    def get_message(self) -> Any:
        return self.system.waiting.pop(0) if self.open and self.system.waiting else None


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    system = System()
    monkeypatch.setattr(midi, "_working_apis", lambda: [1])
    monkeypatch.setattr(midi, "SCAN_SECONDS", 0.02)
    monkeypatch.setattr(midi, "JACK_SECONDS", float("inf"))  # whatever runs on this machine
    monkeypatch.setattr(midi.rtmidi, "MidiIn", lambda *_: Client(system))
    monkeypatch.setattr(midi.rtmidi, "MidiOut", lambda *_: Client(system))
    return system


def opened(name: str | None, told: list[str] | None = None) -> midi.Midi:
    return midi.Midi(name, (told if told is not None else []).append)


def until(met: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10.0
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_all_ports_but_the_echo_and_our_own_are_opened(system: System) -> None:
    system.names = ["Midi Through:Midi Through Port-0 14:0", "RtMidiOut Client:x", "latentvj-01:out y", "LPD8 20:0"]
    found = opened(None)
    assert found.ports == ("RtMidiOut Client:x", "LPD8")
    found.close()
    assert system.clients == 0


def test_a_name_is_a_part_in_any_case_and_a_wrong_one_is_told(system: System) -> None:
    system.names = ["LPD8 20:0", "nanoKONTROL2 24:0"]
    found = opened("NANO")
    assert found.ports == ("nanoKONTROL2",)
    found.close()
    with pytest.raises(UserError, match=r"'launchpad'.*LPD8.*nanoKONTROL2"):
        opened("launchpad")
    assert system.clients == 0


def test_two_of_a_kind_are_told_apart(system: System) -> None:
    system.names = ["LPD8 20:0", "LPD8 24:0"]
    found = opened(None)
    assert found.ports == ("LPD8", "LPD8 (2)")
    found.close()


def test_the_same_controller_comes_back_by_name_under_another_number(system: System) -> None:
    told: list[str] = []
    system.names = ["LPD8 20:0"]
    found = opened("lpd8", told)
    clients = system.clients
    for number in range(21, 25):
        system.names = []
        until(lambda: not found.ports and len(told) % 2)
        assert found.gone() == ["LPD8"]
        system.names = [f"LPD8 {number}:0"]
        until(lambda: bool(found.ports) and not len(told) % 2)
        system.waiting = [([0xB0, 1, 5], 0.0)]
        assert [(received.port, received.octets) for received in found.poll()] == [("LPD8", (0xB0, 1, 5))]
    assert system.clients == clients  # none was made anew
    assert [line.split()[-1] for line in told] == ["are", "here"] * 4
    found.close()
    assert system.clients == 0


def test_a_server_too_busy_for_one_more_client_ends_no_show(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise midi.rtmidi.SystemError("MidiOutJack::initialize: JACK server not running?")

    monkeypatch.setattr(midi.rtmidi, "MidiOut", refuse)
    ports = midi.Midi(None, print)
    assert ports.ports == ()
    ports.close()
