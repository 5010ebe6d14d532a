"""The MIDI ports of this machine: the system's own API first, JACK where that has none."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MidiPort:
    """A port that sends, and the API that has it."""

    name: str
    api: str


@dataclass(frozen=True, slots=True)
class MidiListing:
    """The ports of this machine, and why there are none where that is so."""

    ports: tuple[MidiPort, ...]
    reason: str


def list_ports() -> MidiListing:
    """Return the ports of every API that works here."""
    try:
        from engine.control.hands.midi_library import rtmidi
    except ImportError as error:
        return MidiListing((), str(error))
    found: list[MidiPort] = []
    for api in rtmidi.get_compiled_api():
        if api == rtmidi.API_RTMIDI_DUMMY:
            continue
        try:
            client = rtmidi.MidiIn(api)
        except rtmidi.SystemError:
            continue  # a machine without that API's server
        # Where an API is absent RtMidi takes another one and does not say so.
        if client.get_current_api() == api:
            found += [MidiPort(name, rtmidi.get_api_display_name(api)) for name in client.get_ports()]
        client.delete()
    return MidiListing(tuple(found), "no MIDI port is connected")
