"""Addresses of other programs, as flags name them: checked before the show, numbers from then on."""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
from contextlib import suppress

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


def join_group(opened: socket.socket, group: str, host: str = "") -> None:
    """Hear a multicast group on the interface with the address ``host``; on every one where that is none."""
    octets = socket.inet_aton(group)
    if host and not ipaddress.ip_address(host).is_unspecified:
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, octets + socket.inet_aton(host))
        return
    joined = False
    if sys.platform != "win32":
        for number, _ in socket.if_nameindex():
            with suppress(OSError):
                of_interface = struct.pack("=4s4si", octets, bytes(4), number)
                opened.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, of_interface)
                joined = True
    if not joined:
        with suppress(OSError):
            opened.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, octets + bytes(4))


def own_address(flag: str, host: str) -> str:
    """Return the IPv4 address to listen on; UserError where it is none."""
    try:
        return str(socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_DGRAM)[0][4][0])
    except (OSError, UnicodeError) as error:
        raise UserError(f"{flag} {host}: is no address of this machine: {error}") from error
