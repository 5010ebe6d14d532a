"""OSC in: every parameter, command and cue by UDP, read by the loop without ever waiting.

``/params/picture/zoom 1.5`` sets a parameter (in its own unit, clamped), ``/control/NAME 0.5`` moves
the source ``osc.NAME``, ``/command/NAME`` asks for a command, ``/cue 3`` or ``/cue tidal`` for a cue.
"""

from __future__ import annotations

import math
import select
import socket
from typing import NamedTuple

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message import ParseError as MessageError
from pythonosc.osc_packet import OscPacket
from pythonosc.osc_packet import ParseError as PacketError

from engine.borders.errors import UserError
from engine.control.hands.commands import COMMANDS

PACKET_BYTES = 4096  # bytes; a longer packet is cut, and then does not parse
PACKETS_A_FRAME = 64  # packets; a frame reads no more, the rest waits in the system's buffer
NESTING = 8  # bundles in bundles; without a limit the parser follows them until Python's stack ends
NAME_LENGTH = 64  # characters; a longer name is ignored
CONTROLS = 256  # names; a show has no more sources osc.NAME, so that a flood does not fill the memory


class Asked(NamedTuple):
    """One request: kind is params, control, command or cue."""

    kind: str
    name: str
    value: float


class Osc:
    """Listens on one UDP port."""

    def __init__(self, host: str, port: int) -> None:
        """``port`` is 1..65535, or 0 for any free one. UserError when the system refuses it."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            self._socket.bind((host, port))
        except (OSError, OverflowError) as error:
            self._socket.close()
            raise UserError(f"--osc-port {port} on {host}: cannot listen there: {error}") from error
        self.port = int(self._socket.getsockname()[1])
        self._controls: set[str] = set()

    def poll(self) -> list[Asked]:
        """Return what was asked since the last call, in order; rubbish is ignored."""
        asked: list[Asked] = []
        for _ in range(PACKETS_A_FRAME):
            try:
                packet, _sender = self._socket.recvfrom(PACKET_BYTES)
            except BlockingIOError:
                break
            except OSError:  # Windows reports another program's closed port here
                continue
            asked += [found for message in messages(packet) if (found := self._read(message)) is not None]
        return asked

    def waiting(self) -> bool:
        """Return whether a packet is there."""
        return bool(select.select((self._socket,), (), (), 0.0)[0])

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()

    def _read(self, message: OscMessage) -> Asked | None:
        parts = str(message.address).strip("/").split("/")
        kind, name = parts[0], ".".join(parts[1:])
        first: object = message.params[0] if message.params else None
        if kind == "cue":
            return self._cue(name or first)
        value = _number(first)
        if kind == "command" and name in COMMANDS:
            # Buttons send 1 and then 0; without an argument it is a press.
            return Asked(kind, name, 1.0) if first is None or (value or 0.0) > 0.0 else None
        if value is None:
            return None
        if not (0 < len(name) <= NAME_LENGTH and name.isprintable()):
            return None
        if kind == "params":
            return Asked(kind, name, value)  # the hands know which rows play
        if kind == "control":
            if len(self._controls) < CONTROLS:
                self._controls.add(name)
            return Asked(kind, name, min(max(value, 0.0), 1.0)) if name in self._controls else None
        return None

    @staticmethod
    def _cue(what: object) -> Asked | None:
        number = _number(what)
        if number is None and isinstance(what, str):
            number = float(what) if what.isdecimal() and len(what) < 6 else None
            if number is None and 0 < len(what) <= NAME_LENGTH and what.isprintable():
                return Asked("cue", what, -1.0)
        return Asked("cue", "", float(int(number))) if number is not None and 0 <= number < 1e6 else None


def messages(packet: bytes) -> list[OscMessage]:
    """Return the messages in a packet, whatever it holds."""
    if packet.count(b"#bundle") > NESTING:
        return []
    try:
        return [timed.message for timed in OscPacket(packet).messages]
    except (PacketError, MessageError, ValueError, IndexError, OverflowError):
        return []


def _number(value: object) -> float | None:
    """Return a finite number, or None for anything else."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    return None
