"""Two packages for MIDI behind one contract: what both have, and what pylibremidi makes of it without a port."""

from __future__ import annotations

import inspect

import pytest

from engine.control.hands import midi_library
from engine.control.hands.midi_library import Library, MidiInput, MidiOutput


def package(name):
    pytest.importorskip(name)
    if name == "rtmidi":
        import rtmidi

        return rtmidi
    from engine.control.hands import libremidi

    return libremidi


def own(contract):
    return [name for name, member in vars(contract).items() if not name.startswith("_") and inspect.isfunction(member)]


@pytest.mark.parametrize("name", midi_library.PACKAGES)
def test_a_package_has_all_that_the_contract_says(name):
    library = package(name)
    for member in [*own(Library), *(n for n in Library.__annotations__ if not n.startswith("_"))]:
        assert hasattr(library, member), member
    for contract, made in ((MidiInput, library.MidiIn), (MidiOutput, library.MidiOut)):
        assert [member for member in own(contract) if not callable(getattr(made, member, None))] == []


@pytest.mark.parametrize("name", midi_library.PACKAGES)
def test_a_package_is_asked_for_by_its_name(monkeypatch, name):
    library = package(name)
    monkeypatch.setenv("LATENTVJ_MIDI", name)
    assert midi_library._load() is library


def test_without_any_both_are_named(monkeypatch):
    monkeypatch.setenv("LATENTVJ_MIDI", "no_such_package")
    with pytest.raises(ImportError, match="python-rtmidi nor pylibremidi"):
        midi_library._load()


class Source:
    """A pylibremidi.MidiIn that is polled: what was sent since the last time comes in the poll."""

    def __init__(self, configuration, _api):
        self.configuration, self.sent, self.opened = configuration, [], False

    def open_port(self, port, _name):
        self.opened = port.port_name != "refused"

    def is_port_open(self):
        return self.opened

    def close_port(self):
        self.opened = False

    def poll(self):
        for octets, when in self.sent:
            self.configuration.on_raw_data(octets, when)
        self.sent = []


class Port:
    def __init__(self, name):
        self.port_name = self.display_name = name


@pytest.fixture
def client(monkeypatch):
    """An input on a system whose ports and messages a test makes; the configuration is pylibremidi's own."""
    libremidi = package("pylibremidi")
    monkeypatch.setattr(libremidi.pylibremidi, "MidiIn", Source)
    made = libremidi.MidiIn(libremidi.API_RTMIDI_DUMMY, "latentvj", 3)
    names = ["libremidi client-02:out Desk", "Desk", "refused"]

    class Observer:
        poll = staticmethod(lambda: None)
        get_input_ports = staticmethod(lambda: [Port(name) for name in names])

    made._observer = Observer()
    return made


def test_our_own_ports_are_not_listed_and_places_count_without_them(client):
    assert client.get_ports() == ["Desk", "refused"]
    client.open_port(0, "in Desk")
    assert client._input.opened


def test_messages_come_in_order_with_the_seconds_between_them(client):
    client.open_port(0, "in Desk")
    assert client.get_message() is None
    client._input.sent = [([176, 16, 96], 5_000_000_000), ([144, 60, 1], 5_250_000_000), ([248], 5_100_000_000)]
    assert [client.get_message() for _ in range(4)] == [([176, 16, 96], 0.0), ([144, 60, 1], 0.25), ([248], 0.0), None]


def test_a_port_that_has_gone_or_refuses_is_an_error_and_can_be_opened_again(client):
    libremidi = package("pylibremidi")
    for place in (1, 2):
        with pytest.raises(libremidi.RtMidiError):
            client.open_port(place, "in")
    assert client.get_message() is None
    client.open_port(0, "in Desk")
    client.close_port()
    assert client.get_message() is None
    client.delete()


def test_what_is_ignored_is_said_to_the_package(client):
    client.ignore_types(sysex=True, timing=False, active_sense=True)
    client.open_port(0, "in Desk")
    configuration = client._input.configuration
    assert (configuration.ignore_sysex, configuration.ignore_timing, configuration.ignore_sensing) == (1, 0, 1)
