"""MIDI in and out through RtMidi: any number of ports, found again by name when they come back.

A thread looks for ports and opens them, because that can take a frame or two; the loop polls
RtMidi's own queues. RtMidi keeps Python's lock while it makes a client. So clients are made before they are
needed, and kept: plugging a controller in again makes none.
"""

from __future__ import annotations

import ctypes
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from pathlib import Path

import rtmidi

from engine.borders.errors import Trouble, UserError
from engine.control.hands.midi_messages import Received
from engine.system.jack_server import JackServer, hush

CLIENT = "latentvj"
OURS = re.compile(rf"{CLIENT}(-\d+)?:out ")  # the ports that we light lights through; JACK numbers the clients
SCAN_SECONDS = 0.5  # s; from one look for ports to the next
QUEUE = 4096  # messages; RtMidi keeps no more between two frames
SYSTEM = 0xF0  # the first status byte that belongs to no channel
JACK_SECONDS = 1.0  # s; from one look for a JACK server to the next, where there is none
PAUSE_SECONDS = 0.1  # s; a wait before each client that is made during the show: RtMidi keeps Python's lock meanwhile
SPARES = 2  # clients; made before a controller comes
ECHO = "Midi Through"  # ALSA's own port is no controller
# What a system adds to a name and changes at every plug: ALSA's "20:0", Windows' counter.
CHANGING = re.compile(r"( \d+:\d+|(?<=\D) \d+)$")
_LEFT: list[object] = []  # clients of a server that hangs, kept here: deleting them hangs as well


class _Port:
    """One open input, and the output beside it once something is sent there."""

    def __init__(self, api: int, source: rtmidi.MidiIn) -> None:
        self.api = api
        self.source = source
        self.out: rtmidi.MidiOut | None = None
        self.clock: float | None = None  # when its last message came

    def read(self, now: float) -> Iterator[tuple[tuple[int, ...], float]]:
        """Yield the waiting messages; RtMidi tells the time between them more finely than frames do."""
        while (message := self.source.get_message()) is not None:
            octets, delta = message
            self.clock = now if self.clock is None else min(self.clock + delta, now)
            if now - self.clock > SCAN_SECONDS:
                self.clock = now  # the first after a pause carries the whole pause, or none of it
            yield tuple(octets), self.clock

    def delete(self) -> None:
        """Close both ends, for good."""
        for end in (self.source, self.out):
            if end is not None:
                end.close_port()
                end.delete()


class Midi:
    """Every MIDI port whose name holds ``name``, or every port there is."""

    def __init__(self, name: str | None, notify: Callable[[str], None], *, must_exist: bool = True) -> None:
        """Open what is there; UserError when a ``name`` was given and nothing has it.

        Without ``must_exist`` that costs a line, and such a port is waited for.
        ``notify`` gets a line when a controller goes and when one comes, from the scanning thread.
        """
        self._name, self._notify = name, notify
        _hush_jack()
        self._apis: list[_Api] = []
        for number in _working_apis():
            with suppress(rtmidi.RtMidiError):  # a server too busy to answer; JACK is asked again later
                self._apis.append(_Api(number))
        self._open: dict[str, _Port] = {}  # replaced whole by the scanner, read by the loop
        self._kept: dict[str, _Port] = {}  # closed, with their clients, for when they come back
        self._gone: deque[str] = deque()
        self._came: list[Received] = []  # not polled yet
        self._using = threading.Lock()  # the loop holds it while it reads, so that no port is deleted meanwhile
        self._jack = JackServer(CLIENT) if any(api.number == rtmidi.API_UNIX_JACK for api in self._apis) else None
        self._jack_at = time.monotonic() + JACK_SECONDS
        self._stop = threading.Event()
        self._scan(first=True)
        if name is not None and not self._open:
            listed = ", ".join(n for api in self._apis for n in api.inputs()) or "none here"
            if not must_exist:
                notify(f"MIDI: no port has {name!r} in its name, it is waited for; ports are {listed}")
        if name is not None and not self._open and must_exist:
            self._delete()
            raise UserError(f"--midi {name!r}: no MIDI port has that in its name; ports are {listed}")
        self._thread = threading.Thread(target=self._watch, name="midi ports", daemon=True)
        self._thread.start()

    @property
    def ports(self) -> tuple[str, ...]:
        """Return the names of the open ports."""
        return tuple(self._open)

    def poll(self) -> list[Received]:
        """Return what came since the last call, each port's in order; of ports that went nothing."""
        self._take_in()
        came, self._came = self._came, []
        return [received for received in came if received.port in self._open]

    def waiting(self) -> bool:
        """Return whether ``poll`` has something that a hand did; a clock's ticks do not count."""
        self._take_in()
        return any(received.octets[:1] < (SYSTEM,) for received in self._came)

    def _take_in(self) -> None:
        now = time.monotonic()
        with self._using:
            self._came += [
                Received(name, octets, when) for name, port in self._open.items() for octets, when in port.read(now)
            ]

    def gone(self) -> list[str]:
        """Return the ports that went since the last call."""
        return [self._gone.popleft() for _ in range(len(self._gone))]

    def send(self, port: str, octets: tuple[int, ...]) -> None:
        """Send a message to the controller behind an open port; one that does not listen is no error."""
        with self._using:
            found = self._open.get(port)
            if found is not None and found.out is not None:
                with suppress(rtmidi.RtMidiError, ValueError):
                    found.out.send_message(octets)

    def close(self) -> None:
        """Close every port; not those of a JACK server that hangs, for RtMidi would wait with Python's lock."""
        self._stop.set()
        self._thread.join(timeout=2.0)
        if self._jack is None or self._jack.closes():
            self._delete()
        else:
            _LEFT.append((self._apis, self._open, self._kept))

    def _delete(self) -> None:
        for port in [*self._open.values(), *self._kept.values()]:
            port.delete()
        self._open, self._kept = {}, {}
        for api in self._apis:
            api.close()
        if self._jack is not None:
            self._jack.close()

    def _watch(self) -> None:
        while not self._stop.wait(SCAN_SECONDS):
            self._heed_jack()
            self._scan(first=False)

    def _heed_jack(self) -> None:
        """Let go of a JACK server that died, and find the next one; RtMidi's clients of a dead server hear nothing."""
        if self._jack is not None:
            if self._jack.dead:
                self._bury(self._jack)
            return
        if time.monotonic() < self._jack_at or rtmidi.API_UNIX_JACK not in rtmidi.get_compiled_api():
            return
        self._jack_at = time.monotonic() + JACK_SECONDS
        jack = JackServer(CLIENT)
        if jack.found:
            self._jack = jack
            with suppress(rtmidi.RtMidiError):  # the server has died again, which is told
                self._apis = [*self._apis, _Api(rtmidi.API_UNIX_JACK, PAUSE_SECONDS)]

    def _bury(self, jack: JackServer) -> None:
        """Delete everything that was made with a server that died."""
        self._jack = None
        ports = {**self._kept, **self._open}
        dead = [name for name, port in ports.items() if port.api == rtmidi.API_UNIX_JACK]
        with self._using:
            gone, self._open = self._open, {name: port for name, port in self._open.items() if name not in dead}
        self._kept = {name: port for name, port in self._kept.items() if name not in dead}
        for name in dead:
            ports[name].delete()
            if name in gone:
                self._say_gone(name)
        for api in self._apis:
            if api.number == rtmidi.API_UNIX_JACK:
                api.close()
        self._apis = [api for api in self._apis if api.number != rtmidi.API_UNIX_JACK]
        jack.close()

    def _say_gone(self, name: str) -> None:
        self._gone.append(name)
        self._notify(Trouble(f"MIDI: {name} is gone; its knobs stay where they are"))

    def _scan(self, *, first: bool) -> None:
        """Open the ports that came, close those that went."""
        there = self._wanted()
        still = dict(self._open)
        for name in [name for name in still if name not in there]:
            port = still.pop(name)
            self._open = dict(still)
            port.source.close_port()
            if port.out is not None:
                port.out.close_port()
            self._kept[name] = port
            self._say_gone(name)
        for name, (api, full) in there.items():
            if name not in still and (made := self._connect(name, api, full)) is not None:
                still[name] = made
                self._open = dict(still)
                if not first:
                    self._notify(f"MIDI: {name} is here")

    def _wanted(self) -> dict[str, tuple[_Api, str]]:
        """Return {stable name: (api, name of the moment)} of the first API that has a port we want."""
        for api in self._apis:
            found: dict[str, tuple[_Api, str]] = {}
            for full in api.inputs():
                if self._name is None and ECHO in full:
                    continue
                if self._name is None or self._name.casefold() in full.casefold():
                    found.setdefault(_free_name(CHANGING.sub("", full), found), (api, full))
            if found:
                return found
        return {}

    def _connect(self, name: str, api: _Api, full: str) -> _Port | None:
        """Open an input by its name of the moment, and the output of the same controller where there is one."""
        port = self._kept.pop(name, None) or _Port(api.number, api.spare())
        port.clock = None
        try:
            port.source.open_port(api.inputs().index(full), f"in {name}"[:60])
        except (rtmidi.RtMidiError, ValueError, TypeError):  # the port has gone, or the system refuses it
            self._kept[name] = port
            return None
        outputs = api.outputs()
        listening = next((i for i, o in enumerate(outputs) if o == full), None)
        if listening is None:
            listening = next((i for i, o in enumerate(outputs) if _twin(CHANGING.sub("", o)) == _twin(name)), None)
        if listening is not None:
            with suppress(rtmidi.RtMidiError, ValueError):
                port.out = port.out or rtmidi.MidiOut(api.number, CLIENT)
                port.out.open_port(listening, f"out {name}"[:60])
        return port


class _Api:
    """One of RtMidi's back ends, with a client to list ports and a few spare ones."""

    def __init__(self, number: int, pause: float = 0.0) -> None:
        self.number = number
        self._in, self._out = rtmidi.MidiIn(number, CLIENT), rtmidi.MidiOut(number, CLIENT)
        self._spares = [self._make(pause) for _ in range(SPARES)]

    def _make(self, pause: float = 0.0) -> rtmidi.MidiIn:
        time.sleep(pause)
        source = rtmidi.MidiIn(self.number, CLIENT, QUEUE)
        source.ignore_types(sysex=True, timing=False, active_sense=True)
        return source

    def inputs(self) -> list[str]:
        """Return the ports that send, without our own."""
        return [str(name) for name in self._in.get_ports() if not OURS.match(str(name))]

    def outputs(self) -> list[str]:
        """Return the ports that listen."""
        return [str(name) for name in self._out.get_ports()]

    def spare(self) -> rtmidi.MidiIn:
        """Return a client that is not in use."""
        return self._spares.pop() if self._spares else self._make()

    def close(self) -> None:
        """Delete the spare clients."""
        for end in (self._in, self._out, *self._spares):
            end.delete()
        self._spares = []


def _hush_jack() -> None:
    """Keep the JACK library that python-rtmidi brings with it from writing to stderr."""
    for path in Path(rtmidi.__file__).parents[1].glob("python_rtmidi*/libjack*"):
        with suppress(OSError, AttributeError):
            hush(ctypes.CDLL(str(path)))


def _working_apis() -> list[int]:
    """Return RtMidi's back ends that work here, the system's own before JACK."""
    working = []
    for api in rtmidi.get_compiled_api():
        if api == rtmidi.API_RTMIDI_DUMMY:
            continue
        try:
            probe = rtmidi.MidiIn(api, CLIENT)
        except rtmidi.RtMidiError:
            continue  # a machine without that back end's server
        # Where a back end is absent RtMidi takes another one and does not say so.
        if probe.get_current_api() == api:
            working.append(api)
        probe.delete()
    return sorted(working, key=lambda api: bool(api == rtmidi.API_UNIX_JACK))


def _twin(name: str) -> str:
    """Return what the two ports of one controller have in common: JACK's bridges say capture and playback."""
    return name.replace("playback", "capture")


def _free_name(name: str, taken: Container[str]) -> str:
    """Return ``name``, numbered if two controllers are called the same."""
    count, free = 1, name
    while free in taken:
        count += 1
        free = f"{name} ({count})"
    return free
