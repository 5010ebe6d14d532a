"""Art-Net out: what is heard and the picture's colours, for a light desk; one universe, at most 40 packets a second.

Channels from 1: level, beat, bass, mid, treble, onset, then red, green and blue of each dominant colour, the first the
most. A band as loud as usual is at 127.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence

from engine.borders.errors import Trouble, UserError
from engine.borders.features import AudioFeatures
from engine.control.lights import artnet
from engine.control.routing.sources import SOFTEST_LUFS
from engine.system.network import address

PERIOD = 1 / 40  # s; DMX itself has 44 frames a second
KEEP_SECONDS = 0.8  # s; what stands still is sent again that often, or nodes take it for lost
FAULT_SECONDS = 2.0  # s; an address that refuses is left alone for that long
FLAG = "--artnet-out"

Colour = tuple[int, int, int]


def parse(text: str) -> tuple[str, int]:
    """Return address and universe of ``HOST`` or ``HOST:UNIVERSE``; UserError for anything else."""
    host, colon, number = text.strip().rpartition(":")
    if not colon:
        host, number = number, "0"
    if not host or not number.isdecimal() or int(number) > artnet.MAX_UNIVERSE:
        raise UserError(f"{FLAG} {text}: write HOST or HOST:UNIVERSE, the universe 0 to {artnet.MAX_UNIVERSE}")
    return address(FLAG, text, host), int(number)


def channels(heard: AudioFeatures, beat: float, colours: Sequence[Colour]) -> bytes:
    """Return the channels, for a beat of 1 that falls to 0 until the next."""
    level = 1.0 - heard.loudness / SOFTEST_LUFS
    values = (level, beat, heard.bass / 2.0, heard.mid / 2.0, heard.treble / 2.0, heard.onset_strength / 2.0)
    shown = bytes(round(255.0 * min(max(value, 0.0), 1.0)) for value in values)
    return shown + bytes(part for colour in colours for part in colour)


class ArtnetSender:
    """Sends one universe to one address, from the loop's thread. A call never waits."""

    def __init__(
        self,
        to: tuple[str, int],
        notify: Callable[[str], None],
        port: int = artnet.PORT,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``to`` is an IPv4 address and a universe."""
        (self.address, self.universe), self._port, self._notify, self._now = to, port, notify, now
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._last = b""
        self._next = self._again = float("-inf")  # s; when something may be sent, and when the same is sent again
        self._sequence = 0
        self._told = False
        self.sent = 0

    def due(self) -> bool:
        """Return whether the limit allows another packet."""
        return self._now() >= self._next

    def send(self, data: bytes) -> None:
        """Send the channels if they have changed or are due again, and the limit allows it."""
        now = self._now()
        if now < self._next or (data == self._last and now < self._again):
            return
        self._sequence = self._sequence % 255 + 1  # 0 says that there is no sequence
        try:
            self._socket.sendto(artnet.dmx(self.universe, self._sequence, data), (self.address, self._port))
        except BlockingIOError:  # the system's buffer is full
            return
        except OSError as error:
            if not self._told:
                self._told = True
                self._notify(Trouble(f"Art-Net: {self.address} is not reached: {error}; tried again"))
            self._next = now + FAULT_SECONDS
            return
        self._last, self._next, self._again = data, now + PERIOD, now + KEEP_SECONDS
        self.sent += 1

    def close(self) -> None:
        """Stop sending."""
        self._socket.close()
