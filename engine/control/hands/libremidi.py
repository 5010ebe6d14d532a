"""pylibremidi behind the contract of midi_library: it has wheels for every Python and system. Tried with 5.4.3.

It keeps the messages until it is polled, so no callback runs in a thread of its own. Its wheel for Linux brings a JACK
library that is older than most servers and does not talk to them. The system's own is loaded first and for all: its
functions are then found before those of the wheel.
"""

from __future__ import annotations

import ctypes
import re
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

Made = TypeVar("Made")

_JACK = False
if sys.platform == "linux":
    with suppress(OSError):  # without JACK's library there is no JACK server
        ctypes.CDLL("libjack.so.0", mode=ctypes.RTLD_GLOBAL)
        _JACK = True

import pylibremidi  # noqa: E402 - after the library that it is to use

API_RTMIDI_DUMMY: int = pylibremidi.API.DUMMY.value
API_LINUX_ALSA: int = pylibremidi.API.ALSA_SEQ.value
API_UNIX_JACK: int = pylibremidi.API.JACK_MIDI.value
API_WINDOWS_MM: int = pylibremidi.API.WINDOWS_MM.value
# The APIs that are used. The others are the same ports again, or none that a controller has.
USED = ("COREMIDI", "WINDOWS_MM", "ALSA_SEQ", "JACK_MIDI")
OURS = re.compile(r"libremidi client(-\d+)?:")  # JACK's names of our own ports; the package names its clients
SECOND = 1e9  # ns; unit of the package's times


class RtMidiError(Exception):
    """A port or an API that cannot be had."""


SystemError = RtMidiError  # noqa: A001 - python-rtmidi's name


def get_compiled_api() -> list[int]:
    """See Library."""
    there = {api.name: api.value for api in pylibremidi.available_apis()}
    return [there[name] for name in USED if name in there and (name != "JACK_MIDI" or _JACK)]


def get_api_display_name(api: int) -> str:
    """See Library."""
    return str(pylibremidi.get_api_display_name(pylibremidi.API(api)))


class _Client:
    """What inputs and outputs have in common: the list of ports."""

    def __init__(self, rtapi: int) -> None:
        configuration = pylibremidi.ObserverConfiguration()
        configuration.track_hardware = configuration.track_virtual = configuration.track_any = True
        configuration.notify_in_constructor = False
        self._api = pylibremidi.API(rtapi)
        self._observer = _made(lambda: pylibremidi.Observer(configuration, self._api))

    def get_current_api(self) -> int:
        """See MidiInput."""
        return int(self._observer.get_current_api().value)

    def _name(self, port: pylibremidi.PortInformation) -> str:
        """Return a port's name as python-rtmidi tells it."""
        if self._api.value == API_UNIX_JACK:
            return str(port.port_name)
        return str(port.display_name or port.port_name)


class MidiIn(_Client):
    """See MidiInput."""

    def __init__(self, rtapi: int, name: str = "", queue_size_limit: int = 1024) -> None:
        super().__init__(rtapi)
        self._waiting: deque[tuple[list[int], int]] = deque(maxlen=queue_size_limit)
        self._last: int | None = None  # ns; the time of the message before
        self._configuration = pylibremidi.InputConfiguration()
        waiting = self._waiting  # not self: the package's objects are not seen by Python's search for cycles
        self._configuration.on_raw_data = lambda octets, when: waiting.append((list(octets), int(when)))
        self._input: pylibremidi.MidiIn | None = None

    def get_ports(self) -> list[str]:
        """See MidiInput."""
        return [self._name(port) for port in self._ports()]

    def _ports(self) -> list[pylibremidi.InputPort]:
        self._observer.poll()
        return [port for port in self._observer.get_input_ports() if not OURS.match(str(port.port_name))]

    def ignore_types(self, sysex: bool, timing: bool, active_sense: bool) -> None:
        """See MidiInput."""
        self._configuration.ignore_sysex = sysex
        self._configuration.ignore_timing = timing
        self._configuration.ignore_sensing = active_sense

    def open_port(self, port: int, name: str) -> None:
        """See MidiInput. RtMidiError where the port has gone."""
        ports = self._ports()
        if port >= len(ports):
            raise RtMidiError(f"there is no port {port}")
        self._waiting.clear()
        self._last = None
        self._input = _made(lambda: pylibremidi.MidiIn(self._configuration, self._api))
        self._input.open_port(ports[port], name)
        if not self._input.is_port_open():
            self._input = None
            raise RtMidiError(f"{self._name(ports[port])} does not open")

    def get_message(self) -> tuple[Sequence[int], float] | None:
        """See MidiInput."""
        if not self._waiting and self._input is not None:
            self._input.poll()
        if not self._waiting:
            return None
        octets, when = self._waiting.popleft()
        delta = 0.0 if self._last is None else max(0.0, (when - self._last) / SECOND)
        self._last = when
        return octets, delta

    def close_port(self) -> None:
        """See MidiInput."""
        if self._input is not None:
            self._input.close_port()
            self._input = None

    def delete(self) -> None:
        """See MidiInput."""
        self.close_port()
        del self._observer


class MidiOut(_Client):
    """See MidiOutput."""

    def __init__(self, rtapi: int, name: str = "") -> None:
        super().__init__(rtapi)
        self._output: pylibremidi.MidiOut | None = None

    def get_ports(self) -> list[str]:
        """See MidiOutput."""
        return [self._name(port) for port in self._ports()]

    def _ports(self) -> list[pylibremidi.OutputPort]:
        self._observer.poll()
        return [port for port in self._observer.get_output_ports() if not OURS.match(str(port.port_name))]

    def open_port(self, port: int, name: str) -> None:
        """See MidiOutput. RtMidiError where the port has gone."""
        ports = self._ports()
        if port >= len(ports):
            raise RtMidiError(f"there is no port {port}")
        self._output = _made(lambda: pylibremidi.MidiOut(pylibremidi.OutputConfiguration(), self._api))
        self._output.open_port(ports[port], name)
        if not self._output.is_port_open():
            self._output = None
            raise RtMidiError(f"{self._name(ports[port])} does not open")

    def send_message(self, message: Sequence[int]) -> None:
        """See MidiOutput."""
        if self._output is not None:
            self._output.send_message(list(message))

    def close_port(self) -> None:
        """See MidiOutput."""
        if self._output is not None:
            self._output.close_port()
            self._output = None

    def delete(self) -> None:
        """See MidiOutput."""
        self.close_port()
        del self._observer


def _made(make: Callable[[], Made]) -> Made:
    """Return what ``make`` makes; RtMidiError where the API has no server."""
    try:
        return make()
    except RuntimeError as error:
        raise RtMidiError(str(error)) from error
