"""sACN: DMX over streaming ACN, as it comes in (ANSI E1.31-2018)."""

from __future__ import annotations

import struct
from typing import NamedTuple

PORT = 5568
PREAMBLE = b"\x00\x10\x00\x00ASC-E1.17\0\0\0"
HEAD = struct.Struct(">16sHI16sHI64sBHBBHHBBHHH")  # root, framing and DMP layer up to the count of properties
ROOT_VECTOR, FRAMING_VECTOR, DMP_VECTOR = 0x00000004, 0x00000002, 0x02
PREVIEW, TERMINATED = 0x80, 0x40  # options
MAX_UNIVERSE = 63999
CHANNELS = 512
HIGHEST_PRIORITY = 200


class Sacn(NamedTuple):
    """One universe: who sent it, how much that counts, a sequence number, its channels; whether the stream ends."""

    universe: int
    source: bytes
    priority: int
    sequence: int
    data: bytes
    ends: bool


def read(packet: bytes) -> Sacn | None:
    """Return what an E1.31 data packet holds; None for anything else, for previews and for other start codes."""
    if len(packet) < HEAD.size + 1 or packet[:16] != PREAMBLE:
        return None
    (_, _, root, source, _, framing, _, priority, _, sequence, options, universe, _, dmp, kind, first, step, count) = (
        HEAD.unpack_from(packet)
    )
    if (root, framing, dmp, kind, first, step) != (ROOT_VECTOR, FRAMING_VECTOR, DMP_VECTOR, 0xA1, 0, 1):
        return None
    data = packet[HEAD.size :][:count]
    sound = 1 <= universe <= MAX_UNIVERSE and priority <= HIGHEST_PRIORITY and 1 <= count <= CHANNELS + 1
    if not sound or options & PREVIEW or len(data) < count or data[0] != 0:
        return None
    return Sacn(universe, source, priority, sequence, data[1:], bool(options & TERMINATED))


def group(universe: int) -> str:
    """Return the multicast address of a universe."""
    return f"239.255.{universe >> 8}.{universe & 255}"
