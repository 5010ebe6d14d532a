"""OSC out: what has changed goes to a controller that shows it, at most 60 messages a second.

Parameters go to the addresses at which they are taken, ``/params/picture/zoom 1.5``, so that a fader follows what moves
it. ``/cue``, ``/cue/name``, ``/tempo``, ``/tempo/source``, ``/beat`` and ``/state/NAME`` tell the rest.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from engine.borders.errors import Trouble
from engine.borders.features import AudioFeatures
from engine.borders.moment import Moment
from engine.borders.params import Table
from engine.borders.preset import Preset
from engine.control.feedback.bucket import Bucket
from engine.control.feedback.osc_writer import message
from engine.control.routing.beat import Beat, tempo_source

# Messages a second and at once. Together the two let at most 60 through in any second. Parameters cannot hold up a cue.
PARAMS = (36.0, 4)
EVENTS = (14.0, 6)
TEMPO_STEP = 0.05  # beats a minute; a smaller change is not told
FAULT_SECONDS = 2.0  # s; an address that refuses is left alone for that long
NAME_LENGTH = 64  # characters; of a cue's name no more is told
FLOAT = struct.Struct(">f")

Value = float | int | str


class Evening(Protocol):
    """The setlist, as far as feedback reads it."""

    @property
    def index(self) -> int:
        """The cue that plays, from 0."""
        ...

    @property
    def preset(self) -> Preset:
        """The preset that plays."""
        ...

    @property
    def wanted(self) -> int | None:
        """The cue that is asked for and waits for its beat."""
        ...


class Changes:
    """Keeps what was told by address, and what has changed since, in the order in which it did."""

    def __init__(self, rate: float, burst: int) -> None:
        self._bucket = Bucket(rate, burst)
        self._told: dict[str, Value] = {}
        self._urgent: dict[str, Value] = {}
        self._usual: dict[str, Value] = {}

    def note(self, address: str, value: Value, urgent: bool = False) -> None:
        """Note where ``address`` stands; what stands as it was told is not told again."""
        first, other = (self._urgent, self._usual) if urgent or address in self._urgent else (self._usual, self._urgent)
        if address in first or address in other or self._told.get(address) != value:
            first[address] = value
            other.pop(address, None)

    def keep(self, addresses: Mapping[str, str]) -> None:
        """Forget every address that is none of the values of ``addresses``."""
        there = set(addresses.values())
        for known in (self._told, self._urgent, self._usual):
            for gone in [address for address in known if address not in there]:
                del known[gone]

    def take(self, now: float) -> tuple[str, Value] | None:
        """Return the next one to tell at ``now`` (seconds), None where there is none or the limit is reached."""
        while waiting := self._urgent or self._usual:
            address = next(iter(waiting))
            if self._told.get(address) == waiting[address]:  # it changed, and went back before its turn
                del waiting[address]
            elif not self._bucket.take(now):
                return None
            else:
                value = self._told[address] = waiting.pop(address)
                return address, value
        return None

    def forget(self) -> None:
        """Forget what was told: all of it is told again."""
        self._told = {}


class OscOut:
    """Tells one address what changes. It sends from the loop's thread and never waits."""

    name = "OSC out"

    def __init__(
        self,
        to: tuple[str, int],
        beat: Beat,
        evening: Evening,
        heard: Callable[[], AudioFeatures],
        notify: Callable[[str], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``to`` is an IPv4 address and a port, ``heard`` returns the newest features, ``now`` seconds."""
        self._to, self._beat, self._evening, self._heard = to, beat, evening, heard
        self._notify, self._now = notify, now
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._params, self._events = Changes(*PARAMS), Changes(*EVENTS)
        self._addresses: dict[str, str] = {}  # of the parameters of the table
        self._seen: dict[str, float] = {}  # parameters as they were at the last frame
        self._table: Table | None = None
        self._overrides: Mapping[str, float] = {}
        self._tempo = 0.0
        self._count: int | None = None  # whole beats at the last frame
        self._rests_until = float("-inf")
        self._sent = 0

    def attend(self, moment: Moment) -> None:
        """Note what has changed with a frame, and send as much as the limit allows."""
        if "feedback" in moment.controls.commands:
            self._forget()
        self._note_params(moment)
        self._note_events(moment)
        now = self._now()
        if now < self._rests_until:
            return
        for changes in (self._events, self._params):
            while (change := changes.take(now)) is not None:
                if not self._send(message(*change), now):
                    self._forget()  # nobody knows what of it came
                    return

    def line(self) -> str:
        """Return where it goes, and how much has gone."""
        return f"{self._to[0]}:{self._to[1]}, {self._sent} sent"

    def close(self) -> None:
        """Stop sending."""
        self._socket.close()

    def _forget(self) -> None:
        """Let everything be told again."""
        self._params.forget()
        self._events.forget()
        self._seen = {}

    def _note_params(self, moment: Moment) -> None:
        params, overrides, addresses = moment.params, moment.controls.overrides, self._addresses
        if params.table is not self._table:
            self._table = params.table
            addresses = self._addresses = {name: "/params/" + name.replace(".", "/") for name in params.table}
            self._params.keep(addresses)
            self._seen = {name: value for name, value in self._seen.items() if name in addresses}
        for name, value in params.items():
            if value == self._seen.get(name):
                continue
            self._seen[name] = value
            urgent = name in overrides and overrides[name] != self._overrides.get(name)
            self._params.note(addresses[name], FLOAT.unpack(FLOAT.pack(value))[0], urgent)
        self._overrides = overrides

    def _note_events(self, moment: Moment) -> None:
        controls, events, evening, beat = moment.controls, self._events, self._evening, self._beat
        events.note("/cue", evening.index)
        events.note("/cue/name", evening.preset.name[:NAME_LENGTH])
        events.note("/cue/wanted", -1 if evening.wanted is None else evening.wanted)
        events.note("/state/blackout", int(controls.blackout))
        events.note("/state/freeze", int(controls.freeze))
        source = tempo_source(controls.tempo, self._heard())
        events.note("/tempo/source", source)
        if not source:
            self._count = None
            return
        count = int(beat.position // 1.0)
        if count != self._count and beat.trust > 0.0:
            events.note("/beat", count)
        self._count = count
        if abs(beat.bpm - self._tempo) >= TEMPO_STEP:
            self._tempo = beat.bpm
        events.note("/tempo", FLOAT.unpack(FLOAT.pack(self._tempo))[0])

    def _send(self, packet: bytes, now: float) -> bool:
        try:
            self._socket.sendto(packet, self._to)
        except BlockingIOError:  # the system's buffer is full
            return False
        except OSError as error:
            if self._rests_until == float("-inf"):
                self._notify(Trouble(f"OSC out: {self._to[0]}:{self._to[1]} is not reached: {error}; tried again"))
            self._rests_until = now + FAULT_SECONDS
            return False
        self._sent += 1
        return True
