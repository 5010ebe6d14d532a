"""MIDI in and out through RtMidi: any number of ports, found again by name when they come back.

A thread looks for ports and opens them, because that can take a frame or two. Another one empties RtMidi's queues
while the loop is busy: where they are full, the newest messages fall off. JACK's ports are those of a child process
(midi_child.py).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from engine.borders.errors import Trouble, UserError
from engine.control.hands.midi_child import MidiChild
from engine.control.hands.midi_clients import CLIENT, Api, Port, hush_jack, working_apis
from engine.control.hands.midi_library import rtmidi
from engine.control.hands.midi_links import hears
from engine.control.hands.midi_messages import Received
from engine.control.hands.port_names import ECHO, PortNames, alike, twin
from engine.control.hands.replaced import newest
from engine.system.jack_server import JackServer

SCAN_SECONDS = 0.5  # s; from one look for ports to the next
SETTLE_SECONDS = 0.2  # s; a port that has just come is not connected before: its client may not run yet
SYSTEM = 0xF0  # the first status byte that belongs to no channel
START_SECONDS = 5.0  # s; the longest wait for a child that opens the ports
NAMED_SECONDS = 20.0  # s; the same where the show needs a named port: a crowded machine takes more than 5 s
JACK_SECONDS = 1.0  # s; from one look for a JACK server to the next, where there is none
REST_SECONDS = 0.01  # s; from one emptying of RtMidi's queues to the next
MOST = 100_000  # messages; where more wait for a frame, only the last value of every control is kept
VALUES = (0xA, 0xB, 0xD, 0xE)  # high nibbles: pressure, CC, channel pressure, bend
NUMBERED_VALUES = (0xA, 0xB)  # the values whose second byte is a number, of a note or a CC
COUNTED = (rtmidi.API_WINDOWS_MM,)  # APIs whose names count the ports: a name that changes is no other port
_LEFT: list[object] = []  # clients of a server that hangs, kept here: deleting them hangs as well


class Midi:
    """Every MIDI port whose name holds ``name``, or every port there is."""

    def __init__(
        self,
        name: str | None,
        notify: Callable[[str], None],
        *,
        must_exist: bool = True,
        apis: tuple[int, ...] | None = None,
        later: bool = False,
    ) -> None:
        """Open what is there; UserError when a ``name`` was given and nothing has it.

        Without ``must_exist`` that costs a line, and such a port is waited for.
        ``notify`` gets a line when a controller goes and when one comes, from the scanning thread.
        ``apis`` are RtMidi's numbers; None is all that work here, JACK's by a child. ``later``: nothing here waits for
        a JACK server, and a port may be missing.
        """
        self._name, self._notify = name, notify
        hush_jack()
        self._child: MidiChild | None = None
        self._may_have_child = apis is None
        self._apis: list[Api] = []
        for number in working_apis() if apis is None else apis:
            with suppress(rtmidi.RtMidiError):  # a server too busy to answer; JACK is asked again later
                self._apis.append(Api(number))
        self._open: dict[str, Port] = {}  # replaced whole by the scanner, read by the loop
        self._kept: dict[str, Port] = {}  # closed, with their clients, for when they come back
        self._gone: deque[str] = deque()
        self._fresh: set[str] = set()  # names of the moment of ports that came since the last look
        self._seen: set[str] = set()
        self._names: dict[int, PortNames] = {}  # by API
        self._came: list[Received] = []  # not polled yet
        self._dropped = 0
        self._using = threading.Lock()  # the loop holds it while it reads, so that no port is deleted meanwhile
        self._jack = JackServer(CLIENT) if any(api.number == rtmidi.API_UNIX_JACK for api in self._apis) else None
        self._jack_at = time.monotonic()
        self._stop = threading.Event()
        if not later:
            self._heed_jack(first=True)
            self._wait_for_child(NAMED_SECONDS if must_exist and name is not None else START_SECONDS)
        self._scan(first=True)
        if name is not None and not self.ports and not later:
            listed = ", ".join(self.listed) or "none here"
            if must_exist:
                self._delete()
                raise UserError(f"--midi {name!r}: no MIDI port has that in its name; ports are {listed}")
            notify(f"MIDI: no port has {name!r} in its name, it is waited for; ports are {listed}")
        self._threads = [
            threading.Thread(target=self._watch, name="midi ports", daemon=True),
            threading.Thread(target=self._empty, name="MIDI", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def ports(self) -> tuple[str, ...]:
        """Return the names of the open ports."""
        child = self._child
        return tuple(self._open) or (child.ports if child is not None else ())

    @property
    def listed(self) -> tuple[str, ...]:
        """Return the names of all ports that are there, by the system of the moment."""
        child = self._child
        own = tuple(name for api in self._apis for name in api.inputs())
        return own if child is None else (*own, *child.listed)

    @property
    def jack_lives(self) -> bool:
        """Return whether the JACK server lives whose ports are open here."""
        return self._jack is not None and not self._jack.dead

    def poll(self) -> list[Received]:
        """Return what came since the last call, each port's in order; of ports that went nothing."""
        self._take_in()
        with self._using:
            came, self._came = self._came, []
        ports = self.ports
        return [received for received in came if received.port in ports]

    def waiting(self) -> bool:
        """Return whether ``poll`` has something that a hand did; a clock's ticks do not count."""
        self._take_in()
        return any(received.octets[:1] < (SYSTEM,) for received in self._came)

    def dropped(self) -> int:
        """Return how many values a later one has replaced because too many waited for a frame."""
        return self._dropped

    def _empty(self) -> None:
        """Empty RtMidi's queues while the loop does not."""
        while not self._stop.wait(REST_SECONDS):
            self._take_in()

    def _take_in(self) -> None:
        now = time.monotonic()
        with self._using:
            self._came += [
                Received(name, octets, when) for name, port in self._open.items() for octets, when in port.read(now)
            ]
            if (child := self._child) is not None:
                self._came += child.poll()
            if len(self._came) > MOST:
                kept = newest(self._came, _of_values)
                self._dropped += len(self._came) - len(kept)
                self._came = kept

    def gone(self) -> list[str]:
        """Return the ports that went since the last call."""
        child = self._child
        of_child = child.gone() if child is not None else []
        return [*of_child, *(self._gone.popleft() for _ in range(len(self._gone)))]

    def send(self, port: str, octets: tuple[int, ...]) -> None:
        """Send a message to the controller behind an open port; one that does not listen is no error."""
        with self._using:
            found = self._open.get(port)
            if found is not None and found.out is not None:
                with suppress(rtmidi.RtMidiError, ValueError):
                    found.out.send_message(octets)
            elif found is None and (child := self._child) is not None:
                child.send(port, octets)

    def close(self) -> None:
        """Close every port; not those of a JACK server that hangs, for RtMidi would wait with Python's lock."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=2.0)
        if self._jack is None or self._jack.closes():
            self._delete()
        else:
            self._let_go_of_child()
            _LEFT.append((self._apis, self._open, self._kept))

    def _delete(self) -> None:
        self._let_go_of_child()
        for port in [*self._open.values(), *self._kept.values()]:
            port.delete()
        self._open, self._kept = {}, {}
        for api in self._apis:
            api.close()
        if self._jack is not None:
            self._jack.close()

    def _watch(self) -> None:
        while not self._stop.wait(SETTLE_SECONDS if self._fresh else SCAN_SECONDS):
            self._heed_jack()
            self._scan(first=False)

    def _heed_jack(self, *, first: bool = False) -> None:
        """Hear a JACK server through a child; let go of one that died, and find the next one."""
        if not self._may_have_child:
            return
        if self._jack is not None:
            if self._jack.dead:
                self._let_go_of_child()
                self._jack.close()
                self._jack = None
            elif self._child is not None and self._child.ended:
                self._renew()
            return
        if time.monotonic() < self._jack_at or rtmidi.API_UNIX_JACK not in rtmidi.get_compiled_api():
            return
        self._jack_at = time.monotonic() + JACK_SECONDS
        jack = JackServer(CLIENT)
        if jack.found:
            self._jack = jack
            self._renew(first=first)

    def _wait_for_child(self, seconds: float) -> None:
        if self._child is not None:
            self._child.wait(seconds)

    def _renew(self, *, first: bool = False) -> None:
        """Start a child, in place of one that has ended."""
        self._let_go_of_child()
        with suppress(OSError):  # no process can be started; later perhaps
            self._child = MidiChild(self._name, self._notify, first=first)

    def _let_go_of_child(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.close()
            self._gone.extend(child.gone())

    def _say_gone(self, name: str) -> None:
        self._gone.append(name)
        self._notify(Trouble(f"MIDI: {name} is gone; its knobs stay where they are"))

    def _scan(self, *, first: bool) -> None:
        """Open the ports that came, close those that went."""
        there = self._wanted()
        listed = {full for _, (full, _) in there.values()}
        self._fresh, self._seen = set() if first else listed - self._seen, listed
        still = dict(self._open)
        for name, port in self._open.items():
            renamed = name in there and port.full != there[name][1][0] and port.api not in COUNTED
            if name not in there or renamed or not hears(port, self._jack):
                self._open = {kept: each for kept, each in self._open.items() if kept != name}
                del still[name]
                self._shut(name, port)
        for name, (api, (full, which)) in there.items():
            if (
                name not in still
                and full not in self._fresh
                and (made := self._connect(name, api, full, which)) is not None
            ):
                still[name] = made
                self._open = dict(still)
                if not first:
                    self._notify(f"MIDI: {name} is here")
                if (line := alike(name, {each: port.full for each, port in still.items()})) is not None:
                    self._notify(line)

    def _shut(self, name: str, port: Port) -> None:
        """Close a port that went, and keep its clients."""
        port.source.close_port()
        if port.out is not None:
            port.out.close_port()
        self._kept[name] = port
        self._say_gone(name)

    def _wanted(self) -> dict[str, tuple[Api, tuple[str, int]]]:
        """Return {stable name: (api, name of the moment and its number)} of the first API that has a port we want."""
        for api in self._apis:
            wanted = [full for full in api.inputs() if self._wants(full)]
            names = self._names.setdefault(api.number, PortNames(counted=api.number in COUNTED))(wanted)
            if names:
                return {name: (api, key) for name, key in names.items()}
        return {}

    def _wants(self, full: str) -> bool:
        if self._name is None:
            return ECHO not in full
        return self._name.casefold() in full.casefold()

    def _connect(self, name: str, api: Api, full: str, which: int) -> Port | None:
        """Open an input by its name of the moment, and the output of the same controller where there is one."""
        port = self._kept.pop(name, None) or Port(api.number, api.spare())
        port.clock, port.full, port.label, port.heard = None, full, f"in {name}"[:60], False
        try:
            port.source.open_port(api.place(full, which), port.label)
        except (rtmidi.RtMidiError, ValueError, TypeError):  # the port has gone, or the system refuses it
            self._kept[name] = port
            return None
        if api.number == rtmidi.API_UNIX_JACK and self._jack is not None and not self._jack.linked(full):
            port.source.close_port()  # JACK connects no port of a client that is not active yet
            self._kept[name] = port
            return None
        hears(port, self._jack)  # it may go and come before the next look
        outputs = api.outputs()
        same = [i for i, o in enumerate(outputs) if o == full] or [
            i for i, o in enumerate(outputs) if twin(o) == twin(full)
        ]
        if same:
            with suppress(rtmidi.RtMidiError, ValueError):
                port.out = port.out or rtmidi.MidiOut(api.number, CLIENT)
                port.out.open_port(same[min(which, len(same) - 1)], f"out {name}"[:60])
        return port


def _of_values(received: Received) -> tuple[str, int, int] | None:
    """Return what a message has in common with earlier ones that it replaces where memory runs short."""
    octets = received.octets
    if len(octets) < 2 or octets[0] >> 4 not in VALUES:
        return None
    return received.port, octets[0], octets[1] if octets[0] >> 4 in NUMBERED_VALUES else 0
