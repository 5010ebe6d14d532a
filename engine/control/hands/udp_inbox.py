"""What waits in a UDP socket, taken many packets at once.

A call of recvfrom gives Python's lock away and waits for it again, packet by packet: beside a busy loop that is a
packet a millisecond, and the system drops the rest of a flood. Linux's recvmmsg(2) takes hundreds in one call.
"""

from __future__ import annotations

import ctypes
import socket
import sys
from collections.abc import Callable
from typing import ClassVar

import numpy as np

PACKET_BYTES = 1 << 16  # bytes; no datagram is longer: a scene that a desk sends as one bundle comes whole
BATCH = 256  # packets; no more are taken at once, so that their place is 16 MB, of which what comes is used
DONT_WAIT = 0x40  # MSG_DONTWAIT


class _Piece(ctypes.Structure):
    """struct iovec of readv(2)."""

    _fields_: ClassVar = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class _Message(ctypes.Structure):
    """struct msghdr of recvmsg(2); what is not asked for is zero."""

    _fields_: ClassVar = [
        ("name", ctypes.c_void_p), ("name_length", ctypes.c_uint), ("pieces", ctypes.POINTER(_Piece)),
        ("count", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]  # fmt: skip


class _Header(ctypes.Structure):
    """struct mmsghdr of recvmmsg(2)."""

    _fields_: ClassVar = [("message", _Message), ("got", ctypes.c_uint)]


def inbox(opened: socket.socket) -> Callable[[], list[bytes]]:
    """Return what takes up to BATCH packets that wait in a socket that never blocks."""
    if sys.platform == "linux":
        try:
            return _Many(opened)
        except (OSError, AttributeError):  # a C library without it
            pass
    return _One(opened)


class _Many:
    """Takes packets by recvmmsg."""

    def __init__(self, opened: socket.socket) -> None:
        self._receive = ctypes.CDLL(None, use_errno=True).recvmmsg  # without Python's lock while it runs
        self._socket, self._bytes = opened, bytearray(BATCH * PACKET_BYTES)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._bytes))
        self._pieces = (_Piece * BATCH)(*[_Piece(start + at * PACKET_BYTES, PACKET_BYTES) for at in range(BATCH)])
        memory = bytearray(BATCH * ctypes.sizeof(_Header))
        self._headers = (_Header * BATCH).from_buffer(memory)
        for header, piece in zip(self._headers, self._pieces, strict=True):
            header.message.pieces, header.message.count = ctypes.pointer(piece), 1
        rows = np.frombuffer(memory, np.uint8).reshape(BATCH, ctypes.sizeof(_Header))
        self._got = rows[:, _Header.got.offset : _Header.got.offset + 4].view(np.uint32)[:, 0]

    def __call__(self) -> list[bytes]:
        count = self._receive(self._socket.fileno(), self._headers, BATCH, DONT_WAIT, None)
        if count <= 0:
            return []
        data, lengths = self._bytes, self._got[:count].tolist()
        return [bytes(data[at * PACKET_BYTES : at * PACKET_BYTES + length]) for at, length in enumerate(lengths)]


class _One:
    """Takes packets one by one."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened

    def __call__(self) -> list[bytes]:
        packets: list[bytes] = []
        while len(packets) < BATCH:
            try:
                packets.append(self._socket.recvfrom(PACKET_BYTES)[0])
            except BlockingIOError:
                break
            except OSError:  # Windows reports another program's closed port here
                continue
        return packets
