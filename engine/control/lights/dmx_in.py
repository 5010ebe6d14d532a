"""DMX in, by Art-Net and sACN: channels of the universes that were asked for become sources, ``dmx.UNIVERSE.CHANNEL``.

A channel counts once it was above 0, as a knob counts once it was touched.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from engine.borders.errors import UserError
from engine.borders.moment import Moment
from engine.control.lights import artnet, sacn
from engine.system.network import join_group

PACKETS = 256  # looked at in a frame; the rest waits, or the system throws it away
PACKET_BYTES = 1500  # bytes; longer ones are cut, and are none of these protocols
BACK = 20  # packets; one that is so many behind or fewer is late, one that is further is a new beginning (E1.31 6.7.2)
LOST_SECONDS = 2.5  # s; E1.31's network data loss timeout
REPLIES_A_FRAME = 1
PROTOCOLS = ("artnet", "sacn")


class Asked(NamedTuple):
    """A universe that is listened to."""

    protocol: str
    universe: int


def parse(text: str) -> Asked:
    """Return the universe of ``artnet``, ``artnet:3``, ``sacn`` or ``sacn:7``; UserError for anything else."""
    protocol, _, number = text.strip().partition(":")
    low, high = (0, artnet.MAX_UNIVERSE) if protocol == "artnet" else (1, sacn.MAX_UNIVERSE)
    if protocol not in PROTOCOLS or (":" in text and not number.isdecimal()):
        raise UserError(f"--dmx-in {text}: write artnet:0 or sacn:1, with the number of the universe")
    universe = int(number) if number else low
    if not low <= universe <= high:
        raise UserError(f"--dmx-in {text}: {protocol}'s universes are {low} to {high}")
    return Asked(protocol, universe)


class Holder:
    """Whom a universe is taken from: of several sources the one of the highest priority, the first of equal ones."""

    def __init__(self) -> None:
        self._source: bytes | None = None
        self._priority = self._sequence = 0
        self._heard = float("-inf")

    def takes(self, source: bytes, priority: int, sequence: int | None, now: float) -> bool:
        """Return whether a packet counts; ``sequence`` None has no order."""
        lost = now - self._heard > LOST_SECONDS
        if source != self._source and not lost and priority <= self._priority:
            return False
        if source == self._source and not lost and sequence is not None:
            behind = (self._sequence - sequence) & 0xFF
            if behind < BACK:
                return False
        self._source, self._priority, self._heard = source, priority, now
        self._sequence = self._sequence if sequence is None else sequence
        return True

    def ends(self, source: bytes) -> None:
        """Let go of a source that ends its stream."""
        if source == self._source:
            self._heard = float("-inf")


class DmxIn:
    """Listens for the universes asked for. Everything is read from the loop's thread, which never waits."""

    name = "DMX in"

    def __init__(
        self,
        asked: Sequence[Asked],
        host: str,
        ports: tuple[int, int] = (artnet.PORT, sacn.PORT),
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``host`` is the address of this machine to listen on, ``ports`` those of PROTOCOLS; 0 is any free one.

        UserError where the system refuses it.
        """
        self._asked, self._host, self._now = frozenset(asked), host, now
        self._data: dict[Asked, bytes] = {}
        self._holders = {each: Holder() for each in self._asked}
        self._names = {each: [f"dmx.{each.universe}.{c}" for c in range(1, 513)] for each in self._asked}
        self._heard = dict.fromkeys(sorted(self._asked), float("-inf"))
        self._known: set[str] = set()
        self._sockets: dict[str, socket.socket] = {}
        self.ports: dict[str, int] = {}
        for protocol, port in zip(PROTOCOLS, ports, strict=True):
            if any(each.protocol == protocol for each in asked):
                self._open(protocol, port)

    def _open(self, protocol: str, port: int) -> None:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.setblocking(False)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            groups = [sacn.group(each.universe) for each in self._asked if each.protocol == protocol == "sacn"]
            opened.bind((self._host, port))
            for group in groups:
                join_group(opened, group, self._host)
        except OSError as error:
            opened.close()
            self.close()
            raise UserError(f"--dmx-in {protocol}: cannot listen on {self._host}:{port}: {error}") from error
        self._sockets[protocol], self.ports[protocol] = opened, int(opened.getsockname()[1])

    def poll(self) -> dict[str, float]:
        """Return the channels that have changed since the last call, 0..1 by their source's name."""
        changed: dict[str, float] = {}
        for protocol, opened in self._sockets.items():
            replies = 0
            for _ in range(PACKETS):
                try:
                    packet, sender = opened.recvfrom(PACKET_BYTES)
                except BlockingIOError:
                    break
                except OSError:  # Windows reports another program's closed port here
                    continue
                if protocol == "sacn":
                    self._take_sacn(packet, changed)
                elif self._take_artnet(packet, changed) and replies < REPLIES_A_FRAME:
                    replies += 1
                    self._answer(opened, sender)
        return changed

    def _take_artnet(self, packet: bytes, changed: dict[str, float]) -> bool:
        """Take a packet; return whether it asks who is there."""
        found = artnet.read(packet)
        if isinstance(found, artnet.ArtDmx):
            self._take(Asked("artnet", found.universe), b"", 100, found.sequence or None, found.data, changed)
        return found == artnet.POLL

    def _take_sacn(self, packet: bytes, changed: dict[str, float]) -> None:
        found = sacn.read(packet)
        if found is None:
            return
        asked = Asked("sacn", found.universe)
        if found.ends and asked in self._asked:
            self._holders[asked].ends(found.source)
            return
        self._take(asked, found.source, found.priority, found.sequence, found.data, changed)

    def _take(
        self, asked: Asked, source: bytes, priority: int, sequence: int | None, data: bytes, changed: dict[str, float]
    ) -> None:
        if asked not in self._asked or not self._holders[asked].takes(source, priority, sequence, self._now()):
            return
        self._heard[asked] = self._now()
        before = self._data.get(asked, b"")
        if data == before:
            return
        names = self._names[asked]
        for at, value in enumerate(data):
            name = names[at]
            if (value or name in self._known) and (at >= len(before) or before[at] != value):
                self._known.add(name)
                changed[name] = value / 255.0
        self._data[asked] = data + before[len(data) :]  # channels that a short packet leaves out stay

    def _answer(self, opened: socket.socket, sender: tuple[str, int]) -> None:
        """Tell a desk which universes are taken, four of a sub-net at a time; it then sends them here."""
        universes = sorted(each.universe for each in self._asked if each.protocol == "artnet")
        with suppress(OSError):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.connect(sender)  # no packet is sent: it says which of our addresses faces the desk
                address = str(probe.getsockname()[0])
            for bind, start in enumerate(range(min(len(universes), 16)), 1):
                opened.sendto(artnet.poll_reply(address, (universes[start],), bind), sender)

    def attend(self, moment: Moment) -> None:
        """See Door: the hands ask for the channels."""
        return

    def line(self) -> str:
        """Return the universes that are heard at present."""
        now = self._now()
        heard = [f"{each.protocol}:{each.universe}" for each, at in self._heard.items() if now - at < LOST_SECONDS]
        return f"{', '.join(heard) or 'nothing'} heard"

    def close(self) -> None:
        """Stop listening; a second call does nothing."""
        for opened in self._sockets.values():
            opened.close()
        self._sockets = {}
