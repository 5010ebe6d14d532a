"""OSC messages to bytes (Wright, The Open Sound Control 1.0 Specification, 2002)."""

from __future__ import annotations

import struct


def message(address: str, value: float | int | str) -> bytes:
    """Return the packet of an address and one argument: a float32, an int32 or a string."""
    if isinstance(value, str):
        return _padded(address) + b",s\0\0" + _padded(value)
    if isinstance(value, int):
        return _padded(address) + b",i\0\0" + struct.pack(">i", value)
    return _padded(address) + b",f\0\0" + struct.pack(">f", value)


def _padded(text: str) -> bytes:
    """Return ASCII with its zero byte, on a multiple of four; what is no ASCII becomes a question mark."""
    octets = text.encode("ascii", "replace") + b"\0"
    return octets + b"\0" * (-len(octets) % 4)
