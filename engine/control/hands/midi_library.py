"""The library that reaches MIDI ports: python-rtmidi, or pylibremidi where that has no wheel, behind one contract.

The contract is python-rtmidi's, as far as it is used; libremidi.py brings pylibremidi to it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Sequence
from typing import Protocol, cast

PACKAGES = ("rtmidi", "pylibremidi")  # as they are imported, in the order in which they are tried


class MidiInput(Protocol):
    """A client that listens to one port, or lists those that send."""

    def get_ports(self) -> list[str]:
        """Return the names of the ports that send."""
        ...

    def open_port(self, port: int, name: str) -> None:
        """Listen to a port by its place in the list, under a name of our own."""

    def close_port(self) -> None:
        """Listen no more."""

    def get_message(self) -> tuple[Sequence[int], float] | None:
        """Return the next message that waits and the seconds since the one before it, or None."""
        ...

    def ignore_types(self, sysex: bool, timing: bool, active_sense: bool) -> None:
        """Choose what is not listened to; call it before a port is opened."""

    def get_current_api(self) -> int:
        """Return the API that it belongs to."""
        ...

    def delete(self) -> None:
        """End the client."""


class MidiOutput(Protocol):
    """A client that sends to one port, or lists those that listen."""

    def get_ports(self) -> list[str]:
        """Return the names of the ports that listen."""
        ...

    def open_port(self, port: int, name: str) -> None:
        """Send to a port by its place in the list, under a name of our own."""

    def close_port(self) -> None:
        """Send no more."""

    def send_message(self, message: Sequence[int]) -> None:
        """Send the bytes of a message."""

    def delete(self) -> None:
        """End the client."""


class Library(Protocol):
    """What a package brings; its module is one."""

    API_RTMIDI_DUMMY: int
    API_LINUX_ALSA: int
    API_UNIX_JACK: int
    API_WINDOWS_MM: int
    RtMidiError: type[Exception]
    SystemError: type[Exception]

    def MidiIn(self, rtapi: int, name: str = ..., queue_size_limit: int = ...) -> MidiInput:  # noqa: N802
        """Return a client of an API; RtMidiError where that has no server."""
        ...

    def MidiOut(self, rtapi: int, name: str = ...) -> MidiOutput:  # noqa: N802
        """Return a client of an API; RtMidiError where that has no server."""
        ...

    def get_compiled_api(self) -> list[int]:
        """Return the APIs that the package was built for."""
        ...

    def get_api_display_name(self, api: int) -> str:
        """Return an API's name for people."""
        ...


def _load() -> Library:
    """Return the first package that is here. ImportError names them where none is."""
    asked = os.environ.get("LATENTVJ_MIDI")  # for tests, and where the usual package fails
    for package in (asked,) if asked else PACKAGES:
        if importlib.util.find_spec(package) is None:
            continue
        module = "engine.control.hands.libremidi" if package == "pylibremidi" else package
        return cast(Library, importlib.import_module(module))
    raise ImportError("neither python-rtmidi nor pylibremidi is installed")


rtmidi = _load()
