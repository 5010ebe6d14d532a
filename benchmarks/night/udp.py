"""OSC messages, and where to send them."""

from __future__ import annotations

import socket
import struct


def osc(address: str, *values: float | str) -> bytes:
    """Return an OSC message of floats and strings."""
    types = "," + "".join("s" if isinstance(value, str) else "f" for value in values)
    message = _padded(address) + _padded(types)
    for value in values:
        message += _padded(value) if isinstance(value, str) else struct.pack(">f", value)
    return message


def _padded(text: str) -> bytes:
    data = text.encode() + b"\0"
    return data + b"\0" * (-len(data) % 4)


def free_port() -> int:
    """Return a UDP port that nobody listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
