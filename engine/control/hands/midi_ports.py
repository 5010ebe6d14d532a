"""The MIDI ports of this machine: the system's own API first, JACK where that has none."""

from __future__ import annotations

from typing import Any


def survey() -> dict[str, Any]:
    """Return {"found": [{"name", "api", "used_for"}], "reason": why there are none}."""
    try:
        import rtmidi
    except ImportError as error:
        return {"found": [], "reason": f"python-rtmidi is not installed ({error})"}
    found = []
    for api in rtmidi.get_compiled_api():
        if api == rtmidi.API_RTMIDI_DUMMY:
            continue
        try:
            port = rtmidi.MidiIn(api)
        except rtmidi.SystemError:
            continue  # a machine without that API's server
        # Where an API is absent RtMidi takes another one and does not say so.
        if port.get_current_api() == api:
            found += [{"name": name, "api": rtmidi.get_api_display_name(api)} for name in port.get_ports()]
        port.delete()
    return {"found": [{**row, "used_for": "MIDI in"} for row in found], "reason": "no MIDI port is connected"}
