"""RtMidi's clients: one to list the ports of an API, one for every port that is open, some made ahead.

RtMidi keeps Python's lock while it makes a client. So clients are made before they are needed, and kept.
"""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from engine.control.hands.midi_library import MidiInput, MidiOutput, rtmidi
from engine.control.hands.port_names import OURS
from engine.system.jack_server import hush

CLIENT = "latentvj"
QUEUE = 65536  # messages; RtMidi keeps no more between two looks
SPARES = 2  # clients; made before a controller comes
PAUSE = 0.5  # s; after a silence as long the clock of a port begins anew


class Port:
    """One open input, and the output beside it once something is sent there."""

    def __init__(self, api: int, source: MidiInput) -> None:
        self.api = api
        self.full = ""  # its name of the moment
        self.label = ""  # what our end is called
        self.heard = False  # whether the system has told that our end is connected to it
        self.source = source
        self.out: MidiOutput | None = None
        self.clock: float | None = None  # when its last message came

    def read(self, now: float) -> Iterator[tuple[tuple[int, ...], float]]:
        """Yield the waiting messages; RtMidi tells the time between them more finely than frames do."""
        while (message := self.source.get_message()) is not None:
            octets, delta = message
            self.clock = now if self.clock is None else min(self.clock + delta, now)
            if now - self.clock > PAUSE:
                self.clock = now  # the first after a pause carries the whole pause, or none of it
            yield tuple(octets), self.clock

    def delete(self) -> None:
        """Close both ends, for good."""
        for end in (self.source, self.out):
            if end is not None:
                end.close_port()
                end.delete()


class Api:
    """One of RtMidi's back ends, with a client to list ports and a few spare ones."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._in, self._out = rtmidi.MidiIn(number, CLIENT), rtmidi.MidiOut(number, CLIENT)
        self._spares = [self._make() for _ in range(SPARES)]

    def _make(self) -> MidiInput:
        source = rtmidi.MidiIn(self.number, CLIENT, QUEUE)
        source.ignore_types(sysex=False, timing=False, active_sense=True)
        return source

    def inputs(self) -> list[str]:
        """Return the ports that send, without our own."""
        return [str(name) for name in self._in.get_ports() if not OURS.match(str(name))]

    def place(self, full: str, which: int) -> int:
        """Return the place of the port called ``full`` in RtMidi's own list; of several, that of number ``which``.

        ValueError where it has gone.
        """
        found = [index for index, name in enumerate(self._in.get_ports()) if name == full]
        if which >= len(found):
            raise ValueError(full)
        return found[which]

    def outputs(self) -> list[str]:
        """Return the ports that listen."""
        return [str(name) for name in self._out.get_ports()]

    def spare(self) -> MidiInput:
        """Return a client that is not in use."""
        return self._spares.pop() if self._spares else self._make()

    def close(self) -> None:
        """Delete the spare clients."""
        ends: list[MidiInput | MidiOutput] = [self._in, self._out, *self._spares]
        for end in ends:
            end.delete()
        self._spares = []


def hush_jack() -> None:
    """Keep the JACK library that python-rtmidi brings with it from writing to stderr."""
    found = importlib.util.find_spec("rtmidi")
    folders = [] if found is None or found.origin is None else [Path(found.origin).parents[1]]
    for path in [path for folder in folders for path in folder.glob("python_rtmidi*/libjack*")]:
        with suppress(OSError, AttributeError):
            hush(ctypes.CDLL(str(path)))


def working_apis() -> list[int]:
    """Return RtMidi's back ends that work here but JACK, which a child plays."""
    working = []
    for api in rtmidi.get_compiled_api():
        if api in (rtmidi.API_RTMIDI_DUMMY, rtmidi.API_UNIX_JACK):
            continue
        try:
            probe = rtmidi.MidiIn(api, CLIENT)
        except rtmidi.RtMidiError:
            continue  # a machine without that back end's server
        # Where a back end is absent RtMidi takes another one and does not say so.
        if probe.get_current_api() == api:
            working.append(api)
        probe.delete()
    return working
