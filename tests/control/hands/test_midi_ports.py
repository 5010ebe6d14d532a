"""Which ports are listened to, and by what name: RtMidi's clients replaced by a small one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from engine.borders.errors import UserError
from engine.control.hands import midi, midi_clients
from engine.control.hands.port_names import PortNames, alike


class System:
    """The ports of a system, and what they send."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.waiting: list[tuple[list[int], float]] = []
        self.opened: list[tuple[str, str]] = []  # a port, and what ours on it is called
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
        self.system.opened.append((self.system.names[index], name))

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
    monkeypatch.setattr(midi, "working_apis", lambda **_: [1])
    monkeypatch.setattr(midi, "SCAN_SECONDS", 0.02)
    monkeypatch.setattr(midi, "JACK_SECONDS", float("inf"))  # whatever runs on this machine
    monkeypatch.setattr(midi_clients.rtmidi, "MidiIn", lambda *_: Client(system))
    monkeypatch.setattr(midi_clients.rtmidi, "MidiOut", lambda *_: Client(system))
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


def test_two_of_a_kind_are_told_apart_and_a_line_says_which_is_which(system: System) -> None:
    told: list[str] = []
    system.names = ["LPD8 20:0", "LPD8 24:0"]
    found = opened(None, told)
    assert found.ports == ("LPD8", "LPD8 (2)")
    (line,) = told
    assert "LPD8 is LPD8 20:0, LPD8 (2) is LPD8 24:0" in line
    system.names = ["LPD8 24:0"]  # the first one is pulled: the second keeps its name
    until(lambda: found.ports == ("LPD8 (2)",))
    assert found.gone() == ["LPD8"]
    system.names = ["LPD8 24:0", "LPD8 30:0"]
    until(lambda: found.ports == ("LPD8 (2)", "LPD8"))
    found.close()
    assert system.clients == 0


def test_our_own_light_ports_are_not_heard_whatever_their_place_in_the_list(system: System) -> None:
    system.names = ["Box:out", "latentvj-05:out Box:out", "Box-01:out"]
    found = opened(None)
    assert [port for port, ours in system.opened if ours.startswith("in ")] == ["Box:out", "Box-01:out"]
    found.close()


def test_a_controller_that_was_plugged_in_again_between_two_looks_is_opened_again(system: System) -> None:
    told: list[str] = []
    system.names = ["LPD8 20:0"]
    found = opened(None, told)
    system.names = ["LPD8 21:0"]
    until(lambda: len(told) == 2)
    assert (found.gone(), found.ports) == (["LPD8"], ("LPD8",))
    found.close()


@pytest.mark.parametrize(
    ("listed", "names", "counted"),
    [
        (["Box:out", "Box-01:out"], ["Box:out", "Box-01:out"], False),  # JACK numbers its clients itself
        (["Box", "Box", "APC Key 25"], ["Box", "Box (2)", "APC Key 25"], False),  # CoreMIDI does not
        (["a2j:LPD8 [20] (capture): LPD8 MIDI 1"], ["a2j:LPD8 (capture): LPD8 MIDI 1"], False),
        (["APC Key 25:APC Key 25 MIDI 1 20:0"], ["APC Key 25:APC Key 25 MIDI 1"], False),  # ALSA
        (["nanoKONTROL2 1", "LPD8 2"], ["nanoKONTROL2", "LPD8"], True),  # Windows
    ],
)
def test_names_that_stay(listed: list[str], names: list[str], counted: bool) -> None:
    assert list(PortNames(counted=counted)(listed)) == names


def test_controllers_are_alike_by_their_make() -> None:
    assert "Box:out, Box-01:out" in (alike("Box:out", {"Box:out": "Box:out", "Box-01:out": "Box-01:out"}) or "")
    assert alike("Box:out", {"Box:out": "Box:out", "Other:out": "Other:out"}) is None


def test_where_messages_pile_up_the_last_value_of_every_control_is_kept_and_the_rest_counted(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(midi, "MOST", 300)
    monkeypatch.setattr(midi, "REST_SECONDS", 60.0)
    system.names = ["LPD8 20:0"]
    found = opened(None)
    sent = [[0xB0, index % 3, index % 128] for index in range(500)] + [[0x90, 1, 1], [0xE0, 0, 5], [0xE0, 0, 6]]
    system.waiting = [(octets, 0.0) for octets in sent]
    came = found.poll()
    last = {octets[1]: octets[2] for octets in sent if octets[0] == 0xB0}
    assert {each.octets[1]: each.octets[2] for each in came if each.octets[0] == 0xB0} == last
    assert [each.octets for each in came if each.octets[0] != 0xB0] == [(0x90, 1, 1), (0xE0, 0, 6)]
    assert found.dropped() == len(sent) - len(came)
    found.close()


def test_queues_are_emptied_while_the_loop_is_busy(system: System) -> None:
    system.names = ["LPD8 20:0"]
    found = opened(None)
    system.waiting = [([0xB0, 1, 5], 0.0)]
    until(lambda: not system.waiting)
    assert [each.octets for each in found.poll()] == [(0xB0, 1, 5)]
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
