"""MIDI 1.0 bytes to messages. One table says what each status byte carries; anything else is skipped.

(The Complete MIDI 1.0 Detailed Specification, MIDI Manufacturers Association, 1996.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

# High nibble of a channel message: its kind and how many data bytes follow.
CHANNEL_KINDS: Mapping[int, tuple[str, int]] = MappingProxyType(
    {
        0x8: ("note_off", 2),
        0x9: ("note_on", 2),
        0xA: ("aftertouch", 2),
        0xB: ("cc", 2),
        0xC: ("program", 1),
        0xD: ("pressure", 1),
        0xE: ("bend", 2),
    }
)
# System common messages end a running status; of their data only the song position matters here.
COMMON_KINDS: Mapping[int, tuple[str, int]] = MappingProxyType(
    {0xF1: ("time_code", 1), 0xF2: ("song_position", 2), 0xF3: ("song_select", 1), 0xF6: ("tune", 0)}
)
SYSEX, END_OF_SYSEX = 0xF0, 0xF7
LONGEST_SYSEX = 16  # data bytes; of a longer message nothing is read
REALTIME_KINDS: Mapping[int, str] = MappingProxyType({0xF8: "clock", 0xFA: "start", 0xFB: "continue", 0xFC: "stop"})


class Received(NamedTuple):
    """One message's bytes, the port they came from and when (monotonic seconds)."""

    port: str
    octets: tuple[int, ...]
    time: float


@dataclass(frozen=True, slots=True)
class Message:
    """One message. ``channel`` is 1..16 (0 for the system's), ``data`` holds its data bytes, 0..127."""

    kind: str
    channel: int = 0
    data: tuple[int, ...] = ()


@dataclass(slots=True)
class Running:
    """The message under way: its status byte (0: none, data bytes mean nothing) and the data so far."""

    status: int = 0
    data: tuple[int, ...] = ()


def messages(octets: Iterable[int], running: Running) -> Iterator[Message]:
    """Yield the messages that ``octets`` complete; ``running`` is what came before, and is kept up to date.

    Any bytes may come: running status, real-time bytes in between; rubbish is ignored, and so is sysex that is longer
    than the universal messages that are read here.
    """
    for octet in octets:
        if octet >= 0xF8:  # real time: may come in the middle of anything
            if octet in REALTIME_KINDS:
                yield Message(REALTIME_KINDS[octet])
        elif octet == END_OF_SYSEX and running.status == SYSEX and len(running.data) <= LONGEST_SYSEX:
            data, running.status, running.data = running.data, 0, ()
            yield Message("sysex", 0, data)
        elif octet >= 0x80:
            running.status, running.data = octet, ()
            if COMMON_KINDS.get(octet, ("", 1))[1] == 0:
                running.status = 0
        elif (message := _completed(octet, running)) is not None:
            yield message


def _completed(octet: int, running: Running) -> Message | None:
    """Return the message that one more data byte completes, if it does."""
    status = running.status
    if status == SYSEX:
        if len(running.data) <= LONGEST_SYSEX:  # one more says that it was longer
            running.data = (*running.data, octet)
        return None
    kind, count = CHANNEL_KINDS.get(status >> 4) or COMMON_KINDS.get(status, ("", 0))
    if not kind:
        return None
    running.data = (*running.data, octet & 0x7F)
    if len(running.data) < count:
        return None
    data, running.data = running.data, ()
    if status >= 0xF0:
        running.status = 0
        return Message(kind, 0, data)
    return Message(kind, (status & 0x0F) + 1, data)
