"""OSC packets to messages: OSC 1.0 and the types of 1.1. What cannot be read is said, and never raised or logged.

(Wright, The Open Sound Control 1.0 Specification, 2002; Freed and Schmeder, Features and Future of OSC 1.1, 2009.)
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

BUNDLE = b"#bundle\0"
HEADER = 16  # bytes; a bundle's own, its name and its time
NESTING = 8  # bundles in bundles; deeper ones are not followed

Value = float | str | bool | None

# Types whose argument has no bytes, and what they mean. I is OSC 1.1's impulse.
CONSTANTS: Mapping[str, Value] = MappingProxyType({"T": True, "F": False, "N": None, "I": True})
NUMBERS: Mapping[str, struct.Struct] = MappingProxyType(
    {"i": struct.Struct(">i"), "f": struct.Struct(">f"), "h": struct.Struct(">q"), "d": struct.Struct(">d")}
)
OPAQUE: Mapping[str, int] = MappingProxyType(
    {"t": 8, "r": 4, "m": 4, "c": 4}
)  # bytes; a time, a colour, MIDI, a letter


class OscMessage(NamedTuple):
    """An address, its first argument, and how many arguments came; ``unknown`` is a type that no table here has."""

    address: str
    first: Value
    arguments: int
    unknown: str


def messages(packet: bytes) -> list[OscMessage]:
    """Return the messages of a packet in their order, whatever it holds."""
    return [found for part in _parts(packet, NESTING) if (found := _message(part)) is not None]


def _parts(packet: bytes, depth: int) -> Iterator[bytes]:
    """Yield the bytes of every message in a packet. A part that is cut off ends its bundle and not the others."""
    if not packet.startswith(BUNDLE):
        yield packet
        return
    at = HEADER
    while depth and at + 4 <= len(packet):
        size = int.from_bytes(packet[at : at + 4], "big")
        at += 4
        if size == 0 or at + size > len(packet):
            return
        yield from _parts(packet[at : at + size], depth - 1)
        at += size


def _message(packet: bytes) -> OscMessage | None:
    """Return the message, None for what has no address."""
    if not packet.startswith(b"/"):
        return None
    address, at = _text(packet, 0)
    if at >= len(packet):
        return OscMessage(address, None, 0, "")
    types, at = _text(packet, at)
    if not types.startswith(","):
        return None
    values: list[Value] = []
    for kind in types[1:]:
        if kind in "[]":
            continue  # an array's arguments lie where the others do
        try:
            value, at = _argument(kind, packet, at)
        except KeyError:  # its length is not known: nothing behind it can be read
            return OscMessage(address, values[0] if values else None, len(values), kind)
        except (struct.error, IndexError):
            return None
        values.append(value)
    return OscMessage(address, values[0] if values else None, len(values), "")


def _argument(kind: str, packet: bytes, at: int) -> tuple[Value, int]:
    """Return the argument of type ``kind`` at ``at``, and where the next one begins."""
    if (read := READERS.get(kind)) is not None:
        return read(packet, at)
    if kind in CONSTANTS:
        return CONSTANTS[kind], at
    if kind in NUMBERS:
        packing = NUMBERS[kind]
        return float(packing.unpack_from(packet, at)[0]), at + packing.size
    if at + OPAQUE[kind] > len(packet):
        raise IndexError(kind)
    return None, at + OPAQUE[kind]


def _text(packet: bytes, at: int) -> tuple[str, int]:
    """Return the text at ``at``, and where the next one begins; texts fill up to four bytes with zeros."""
    end = packet.find(b"\0", at)
    end = len(packet) if end < 0 else end
    return packet[at:end].decode("utf-8", "replace"), at + (end - at) // 4 * 4 + 4


def _string(packet: bytes, at: int) -> tuple[Value, int]:
    if at >= len(packet):
        raise IndexError(at)
    return _text(packet, at)


def _blob(packet: bytes, at: int) -> tuple[Value, int]:
    size = struct.unpack_from(">i", packet, at)[0]
    end = at + 4 + (size + 3) // 4 * 4
    if size < 0 or end > len(packet):
        raise IndexError(at)
    return None, end


READERS: Mapping[str, Callable[[bytes, int], tuple[Value, int]]] = MappingProxyType(
    {"s": _string, "S": _string, "b": _blob}
)
