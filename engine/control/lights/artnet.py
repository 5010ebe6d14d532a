"""Art-Net 4 packets: DMX in and out, and the answer to a desk that looks for nodes.

(Art-Net 4 Protocol Release V1.4, Artistic Licence. Art-Net is designed by and copyright Artistic Licence.)
"""

from __future__ import annotations

import struct
from typing import NamedTuple

PORT = 6454
ID = b"Art-Net\0"
POLL, POLL_REPLY, DMX = 0x2000, 0x2100, 0x5000  # OpPoll, OpPollReply, OpDmx
VERSION = 14
HEAD = struct.Struct("<8sH")  # the opcode's low byte is first
DMX_HEAD = struct.Struct(">HBBHH")  # version, sequence, physical, port-address (its low byte first), length
MAX_UNIVERSE = 0x7FFF  # a port-address: 7 bits of net, 4 of sub-net, 4 of universe
CHANNELS = 512


class ArtDmx(NamedTuple):
    """One universe: its port-address, a sequence number (0: none) and its channels."""

    universe: int
    sequence: int
    data: bytes


def read(packet: bytes) -> ArtDmx | int | None:
    """Return what an ArtDmx holds, POLL for an ArtPoll, None for anything else."""
    if len(packet) < 12 or packet[:8] != ID:
        return None
    _, opcode = HEAD.unpack_from(packet)
    if opcode == POLL:
        return POLL
    if opcode != DMX or len(packet) < HEAD.size + DMX_HEAD.size:
        return None
    version, sequence, _, address, length = DMX_HEAD.unpack_from(packet, HEAD.size)
    data = packet[HEAD.size + DMX_HEAD.size :][:length]
    universe = (address & 0xFF) << 8 | address >> 8
    if version < VERSION or universe > MAX_UNIVERSE or not 2 <= length <= CHANNELS or len(data) < length:
        return None
    return ArtDmx(universe, sequence, data)


def dmx(universe: int, sequence: int, data: bytes) -> bytes:
    """Return the ArtDmx of ``data``, which becomes even in length as the protocol asks for."""
    data = data + bytes(len(data) % 2)
    address = (universe & 0xFF) << 8 | universe >> 8
    return HEAD.pack(ID, DMX) + DMX_HEAD.pack(VERSION, sequence, 0, address, len(data)) + data


def poll_reply(address: str, universes: tuple[int, ...], bind: int = 1) -> bytes:
    """Return the ArtPollReply of a node at an IPv4 address that takes up to four universes of one sub-net."""
    net, sub = (universes[0] >> 8, universes[0] >> 4 & 15) if universes else (0, 0)
    count = len(universes)
    out = HEAD.pack(ID, POLL_REPLY) + bytes(int(part) for part in address.split(".")) + struct.pack("<H", PORT)
    out += struct.pack(">HBBHBBH", 1, net, sub, 0x00FF, 0, 0xD0, 0)  # OEM code unknown; indicators normal
    out += (
        b"latentvj".ljust(18, b"\0") + b"latentvj, a VJ engine".ljust(64, b"\0") + b"#0001 [0000] ok".ljust(64, b"\0")
    )
    out += struct.pack(">H", count)
    out += bytes([0x80] * count).ljust(4, b"\0")  # ports that output DMX from the network
    out += bytes(4)  # inputs: none
    out += bytes([0x80] * count).ljust(4, b"\0")  # data is being transmitted
    out += bytes(4) + bytes(universe & 15 for universe in universes).ljust(4, b"\0")
    out += bytes(6) + bytes([0]) + bytes(6)  # priority, macros, spares; style: node; MAC unknown
    out += bytes(int(part) for part in address.split(".")) + bytes([bind]) + bytes([0x08])  # 15-bit port-addresses
    return out.ljust(239, b"\0")
