"""A MIDI controller on a virtual port, and its first knob as a trace shows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


class Knobs:
    """A controller on a virtual port that can be unplugged."""

    def __init__(self, name: str = "MIDI Mix") -> None:
        self.name = name
        self.plug()

    def plug(self) -> None:
        rtmidi = pytest.importorskip("rtmidi")
        self.out: Any = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, "Test")
        self.out.open_virtual_port(self.name)

    def unplug(self) -> None:
        if self.out is not None:
            self.out.close_port()
            self.out.delete()
            self.out = None

    def send(self, *octets: int) -> None:
        self.out.send_message(list(octets))


def knob(value: int) -> Callable[[dict[str, Any]], bool]:
    return lambda row: abs(row["controls"].get("knob_1", -1.0) - value / 127) < 1e-6
