"""Who is in an Ableton Link session near here, and at which tempo: listened for without joining.

A program that joins a session gives it its own tempo where its own session is the older one, and by chance where both
are young. So nothing is joined before somebody was heard, and then at their tempo. Link's peers say who they are four
times a second, by UDP to one group of addresses.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Callable
from typing import NamedTuple

from engine.control.hands.udp_inbox import inbox
from engine.system.network import join_group

GROUP, PORT = "224.76.78.75", 20808
HEADER = struct.Struct(">8sBBH8s")  # of a message: its protocol, its kind, seconds it counts, a group, who sent it
PROTOCOL = b"_asdp_v\x01"
ALIVE, RESPONSE, BYE = 1, 2, 3
ENTRY = struct.Struct(">4sI")  # its name, its bytes
TIMELINE = struct.Struct(">qqq")  # microseconds a beat, and an anchor
MICROSECONDS_A_MINUTE = 60e6
LOWEST_BPM, HIGHEST_BPM = 20.0, 999.0  # Link's own limits
PACKETS = 64  # looked at in a frame; the rest of a flood is thrown away
PEERS = 256  # that are kept


class Peer(NamedTuple):
    """What a message says: its kind, who sent it, and the tempo of the session; 0: it says none."""

    kind: int
    who: bytes
    bpm: float


def read(packet: bytes) -> Peer | None:
    """Return what a packet says, None where it is none of Link's."""
    if len(packet) < HEADER.size:
        return None
    protocol, kind, _, _, who = HEADER.unpack_from(packet)
    if protocol != PROTOCOL or kind not in (ALIVE, RESPONSE, BYE):
        return None
    at, bpm = HEADER.size, 0.0
    while at + ENTRY.size <= len(packet):
        name, size = ENTRY.unpack_from(packet, at)
        at += ENTRY.size
        if name == b"tmln" and size == TIMELINE.size and at + size <= len(packet):
            beat = TIMELINE.unpack_from(packet, at)[0]
            bpm = MICROSECONDS_A_MINUTE / beat if beat > 0 else 0.0
        at += size
    return Peer(kind, who, bpm if LOWEST_BPM <= bpm <= HIGHEST_BPM else 0.0)


class LinkScout:
    """Listens. Ask it once a frame while nothing is joined."""

    def __init__(self) -> None:
        """OSError where nothing can be listened to."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sys.platform == "darwin":
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            self._socket.bind((GROUP if sys.platform == "linux" else "", PORT))
        except OSError:
            self._socket.close()
            raise
        join_group(self._socket, GROUP)
        self._inbox: Callable[[], list[bytes]] = inbox(self._socket)
        self._gone: set[bytes] = set()

    def heard(self) -> float | None:
        """Return the tempo of a session that somebody was in since the last call; None where nobody was heard."""
        found: dict[bytes, float] = {}
        for packet in self._inbox()[-PACKETS:]:
            peer = read(packet)
            if peer is None:
                continue
            if peer.kind == BYE:
                found.pop(peer.who, None)
                if len(self._gone) < PEERS:
                    self._gone.add(peer.who)
            elif peer.bpm > 0.0 and peer.who not in self._gone:
                found[peer.who] = peer.bpm
        return next(reversed(found.values()), None)

    def skip(self) -> None:
        """Throw away what waits."""
        while self._inbox():
            pass

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
