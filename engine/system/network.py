"""Addresses of other programs, as flags name them: checked before the show, numbers from then on."""

from __future__ import annotations

import ipaddress
import socket

from engine.borders.errors import UserError

HERE = "127.0.0.1"


def endpoint(flag: str, text: str) -> tuple[str, int]:
    """Return address and port of ``9001`` (this machine) or ``HOST:9001``; UserError names the flag."""
    host, _, port = text.rpartition(":")
    if not (port.isdecimal() and 0 < int(port) < 65536):
        raise UserError(f"{flag} {text}: write it as HOST:PORT, or as a port of this machine, 1 to 65535")
    return address(flag, text, host or HERE), int(port)


def address(flag: str, text: str, host: str) -> str:
    """Return the IPv4 address of one machine; UserError for names nobody knows, and for what is no machine."""
    try:
        found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        raise UserError(f"{flag} {text}: there is no machine {host!r}: {error}") from error
    number = str(found[0][4][0])
    ip = ipaddress.ip_address(number)
    if ip.is_unspecified or ip.is_multicast or number == "255.255.255.255":
        raise UserError(f"{flag} {text}: {number} is no address of a machine: name the one that is to hear it")
    return number
