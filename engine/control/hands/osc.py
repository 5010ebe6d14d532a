"""OSC in: every parameter, command and cue by UDP, read by the loop without ever waiting.

``/params/picture/zoom 1.5`` sets a parameter (in its own unit, clamped), ``/control/NAME 0.5`` moves
the source ``osc.NAME``, ``/command/NAME`` asks for a command, ``/cue 3`` or ``/cue tidal`` for a cue,
``/transport/seek 90`` for a place in a rehearsal's song.

The system's buffer is small, and where it is full the newest packets fall off. So a thread empties it while the loop
is busy, hundreds of packets at once. Of the values of one address that came since the last frame the last one is kept.
"""

from __future__ import annotations

import math
import select
import socket
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from engine.borders.errors import UserError
from engine.control.hands.commands import COMMANDS
from engine.control.hands.osc_messages import OscMessage, Value, messages
from engine.control.hands.song_control import REQUESTS, TAKES_PLACES, WITH_NUMBER
from engine.control.hands.udp_inbox import BATCH, inbox

BUFFER_BYTES = 1 << 26  # bytes; asked of the system for packets that nobody has read yet, it may give less
FORCE = 33  # Linux's SO_RCVBUFFORCE: more than the system's limit, where this user may have it
REST_SECONDS = 0.002  # s; the thread leaves Python's lock to the loop this long after each look,
FULL_SECONDS = 0.0005  # and this long where more waits: enough that the loop gets what was taken
HEADS = 4096  # addresses whose packets are known by their first bytes
FLOAT = struct.Struct(">f")
ONE_FLOAT = b",f\0\0"  # the types of a packet that is an address and a float
WAIT_SECONDS = 0.25  # s; the thread looks this often whether it is to end
NAME_LENGTH = 64  # characters; a longer name is refused
SHOWN_LENGTH = 120  # characters; of a refused address, and of why, a line shows no more
CONTROLS = 4096  # names; a show has no more sources osc.NAME, so that a flood does not fill the memory
PENDING = 8192  # addresses; a frame is asked no more
PRESSES = 512  # commands and cues; a frame is asked no more, the oldest give way
REFUSED = 64  # addresses; no more are told of in a show
EVENTS = ("command", "cue", "transport")


class Asked(NamedTuple):
    """One request: kind is params, control, command, cue, transport or seek."""

    kind: str
    name: str
    value: float  # NaN: a request of the transport without a number


class Refused(NamedTuple):
    """A message that nothing answers to: its address, and what is wrong with it, empty where the address is."""

    address: str
    why: str


class Osc:
    """Listens on one UDP port."""

    def __init__(self, host: str, port: int) -> None:
        """``port`` is 1..65535, or 0 for any free one. UserError when the system refuses it."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        if sys.platform == "linux":
            with suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, FORCE, BUFFER_BYTES)
        try:
            self._socket.bind((host, port))
        except (OSError, OverflowError) as error:
            self._socket.close()
            raise UserError(f"--osc-port {port} on {host}: cannot listen there: {error}") from error
        self.port = int(self._socket.getsockname()[1])
        self._controls: set[str] = set()
        self._pending: dict[tuple[str, ...], Asked] = {}  # in the order in which they last came
        self._presses: deque[tuple[str, ...]] = deque()  # the keys of commands and cues in ``_pending``
        self._pressed = 0
        self._dropped = 0
        self._told: set[str] = set()  # addresses that were refused
        self._refused: list[Refused] = []
        self._inbox = inbox(self._socket)
        self._heads: dict[bytes, tuple[str, Asked]] = {}  # by all bytes of a packet but the float at its end
        self._taking = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="OSC", daemon=True)
        self._thread.start()

    def poll(self) -> list[Asked]:
        """Return what was asked since the last call, in order: of each address the last value; rubbish is ignored."""
        with self._taking:
            self._take()
            asked, self._pending = list(self._pending.values()), {}
            self._presses.clear()
        return asked

    def waiting(self) -> bool:
        """Return whether a packet is there."""
        return bool(self._pending) or bool(select.select((self._socket,), (), (), 0.0)[0])

    def dropped(self) -> int:
        """Return how many values a later one of their address has replaced before a frame could read them."""
        return self._dropped

    def refused(self) -> list[Refused]:
        """Return the messages since the last call that nothing answers to, each address once in a show."""
        with self._taking:
            refused, self._refused = self._refused, []
        return refused

    def close(self) -> None:
        """Stop listening."""
        self._stop.set()
        self._thread.join(timeout=2.0 * WAIT_SECONDS)
        self._socket.close()

    def _watch(self) -> None:
        """Empty the system's buffer while the loop does not."""
        while not self._stop.is_set():
            if select.select((self._socket,), (), (), WAIT_SECONDS)[0]:
                with self._taking:
                    full = self._take()
                self._stop.wait(FULL_SECONDS if full else REST_SECONDS)

    def _take(self) -> bool:
        """Take what waits in the system's buffer, as much as comes at once; return whether that was all it could."""
        packets = self._inbox()
        for packet in packets:
            known = self._heads.get(packet[:-4])
            if known is None:
                self._take_new(packet)
                continue
            value: float = FLOAT.unpack(packet[-4:])[0]
            if math.isfinite(value):
                address, asked = known
                self._keep(address, Asked(asked.kind, asked.name, _in_range(asked.kind, value)))
        return len(packets) == BATCH

    def _take_new(self, packet: bytes) -> None:
        """Take a packet whose first bytes are not known."""
        for message in messages(packet):
            found = self._read(message)
            if isinstance(found, Asked):
                self._keep(message.address, found)
                plain = packet[:1] == b"/" and packet[-8:-4] == ONE_FLOAT and message.arguments == 1
                if plain and found.kind not in EVENTS and len(self._heads) < HEADS:
                    self._heads[packet[:-4]] = message.address, found
            elif found is not None and found.address not in self._told and len(self._told) < REFUSED:
                self._told.add(found.address)
                self._refused.append(Refused(found.address[:SHOWN_LENGTH], found.why[:SHOWN_LENGTH]))

    def _keep(self, address: str, asked: Asked) -> None:
        """Keep a request until the loop reads it: every press, and of each address the last value."""
        if asked.kind in EVENTS:
            self._pressed += 1
            key = (asked.kind, str(self._pressed))
            self._presses.append(key)
            self._pending[key] = asked
            if len(self._presses) > PRESSES:
                del self._pending[self._presses.popleft()]
                self._dropped += 1
            return
        if self._pending.pop((address,), None) is not None or len(self._pending) >= PENDING:
            self._dropped += 1
        if len(self._pending) < PENDING:
            self._pending[(address,)] = asked

    def _read(self, message: OscMessage) -> Asked | Refused | None:
        """Return what a message asks for, what is wrong with it, or None for what has no line: a button let go."""
        if message.unknown and not message.arguments:
            return Refused(message.address, f"its argument has a type that is not known here, {message.unknown!r}")
        kind, *rest = message.address.strip("/").split("/")
        name = ".".join(rest)
        reader = READERS.get(kind)
        if reader is None:
            return Refused(message.address, "")
        if len(name) > NAME_LENGTH or not name.isprintable():
            return Refused(message.address, f"a name is {NAME_LENGTH} characters at most, all printable")
        found = reader(name, message)
        if not isinstance(found, Asked) or found.kind != "control":
            return found
        if len(self._controls) < CONTROLS:
            self._controls.add(name)
        return found if name in self._controls else None


def _number(value: Value) -> float | None:
    """Return a finite number, or None for anything else."""
    if isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    return None


def _no_number(message: OscMessage) -> Refused:
    return Refused(message.address, f"it takes a number, not {message.first!r}")


def _param(name: str, message: OscMessage) -> Asked | Refused | None:
    """Return a parameter's value; the hands know which rows play."""
    value = _number(message.first)
    if not name:
        return Refused(message.address, "")
    return Asked("params", name, value) if value is not None else _no_number(message)


def _control(name: str, message: OscMessage) -> Asked | Refused | None:
    value = _number(message.first)
    if not name:
        return Refused(message.address, "")
    return Asked("control", name, _in_range("control", value)) if value is not None else _no_number(message)


def _in_range(kind: str, value: float) -> float:
    """Return a source's value within 0..1; the hands know the range of a parameter."""
    return min(max(value, 0.0), 1.0) if kind == "control" else value


def _command(name: str, message: OscMessage) -> Asked | Refused | None:
    """Return a press. Buttons send 1 and then 0; without an argument it is a press."""
    if name not in COMMANDS:
        return Refused(message.address, "")
    pressed = message.arguments == 0 or (_number(message.first) or 0.0) > 0.0
    return Asked("command", name, 1.0) if pressed else None


def _cue(name: str, message: OscMessage) -> Asked | Refused | None:
    """Return the cue of that number, or of that name."""
    what = name or message.first
    number = _number(what)
    if number is None and isinstance(what, str):
        number = float(what) if what.isdecimal() and len(what) < 6 else None
        if number is None and 0 < len(what) <= NAME_LENGTH and what.isprintable():
            return Asked("cue", what, -1.0)
    if number is None or not 0 <= number < 1e6:
        return Refused(message.address, f"it takes a cue's number or name, not {what!r}")
    return Asked("cue", "", float(int(number)))


def _transport(name: str, message: OscMessage) -> Asked | Refused | None:
    """Return what is asked of the song. A button sends 1 and then 0; only for a pause does 0 mean something."""
    value = _number(message.first)
    if name not in REQUESTS:
        return Refused(message.address, "")
    if value is None and (message.arguments or name in WITH_NUMBER):
        return _no_number(message)
    if name in TAKES_PLACES or name == "pause":
        return Asked("seek" if name == "seek" else "transport", name, math.nan if value is None else value)
    return Asked("transport", name, math.nan) if value is None or value > 0.0 else None


READERS: dict[str, Callable[[str, OscMessage], Asked | Refused | None]] = {
    "params": _param,
    "control": _control,
    "command": _command,
    "cue": _cue,
    "transport": _transport,
}
