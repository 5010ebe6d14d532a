"""MIDI timecode: quarter frames and full frames to readings (MIDI 1.0, MTC; MMA RP-004/RP-008).

A label comes in eight pieces over two frames. It counts when the first four pieces of the next label, frames and
seconds, are those that must follow: a jump in the middle of a label would else make a label that never was.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.borders.timecode import RATES, Rate, Reading

PIECES = 8
PROOF = 4  # pieces of the next label that must be right
STEP = 2  # frames; from one label to the next
GAP_SECONDS = 0.25  # s; after a longer silence a label begins anew


class MtcReader:
    """Takes messages in their order; returns what they tell."""

    def __init__(self) -> None:
        self._nibbles = [0] * PIECES
        self._piece: int | None = None  # the last one
        self._direction = 1
        self._held = 0  # pieces in a row
        self._rate = RATES[1]
        self._label: int | None = None  # the count of the label under way
        self._proof = 0  # pieces of it that were right
        self._time = float("-inf")

    def quarter(self, data: int, time: float) -> Reading | None:
        """Take the data byte of a quarter frame that came at ``time`` (monotonic seconds)."""
        piece, nibble = data >> 4 & 7, data & 15
        step = 0 if self._piece is None else (piece - self._piece) % PIECES
        fresh = time - self._time > GAP_SECONDS
        self._piece, self._time = piece, time
        direction = 1 if step == 1 else -1 if step == PIECES - 1 else 0
        if fresh or direction == 0 or (self._held > 1 and direction != self._direction):
            self._begin(piece, nibble)
            return None
        self._direction = direction
        self._nibbles[piece] = nibble
        self._held += 1
        first, last = (0, PIECES - 1) if direction > 0 else (PIECES - 1, 0)
        if self._label is not None:
            if piece == first:
                self._label = (self._label + STEP * direction) % self._rate.day
            return self._check(piece, nibble, time)
        if piece == last and self._held >= PIECES:
            self._take_label()
        return None

    def full(self, octets: Sequence[int], time: float) -> Reading | None:
        """Take a system exclusive message, F0 and F7 left out; a full frame says where the sender stands."""
        if len(octets) != 8 or octets[0] != 0x7F or tuple(octets[2:4]) != (0x01, 0x01):
            return None
        hours, minutes, seconds, frames = octets[4:]
        rate = RATES[hours >> 5 & 3]
        count = _count(hours & 31, minutes, seconds, frames, rate)
        self._label, self._held, self._piece = None, 0, None
        return None if count is None else Reading(float(count), rate, time, 0)

    def _begin(self, piece: int, nibble: int) -> None:
        self._label, self._held, self._proof = None, 1, 0
        self._nibbles[piece] = nibble

    def _check(self, piece: int, nibble: int, time: float) -> Reading | None:
        """Compare a piece with the label that must be under way; return where it is once that is proved."""
        assert self._label is not None
        if nibble != _nibbles(self._label, self._rate)[piece]:
            self._begin(piece, nibble)
            return None
        self._proof += 1
        if self._proof < PROOF:
            return None
        return Reading(self._label + piece / 4.0, self._rate, time, self._direction)

    def _take_label(self) -> None:
        """Take the eight pieces as a label, if they are one."""
        n = self._nibbles
        rate = RATES[n[7] >> 1 & 3]
        count = _count((n[7] & 1) << 4 | n[6], n[5] << 4 | n[4], n[3] << 4 | n[2], n[1] << 4 | n[0], rate)
        if count is not None:
            self._label, self._rate, self._proof = count, rate, 0


def _count(hours: int, minutes: int, seconds: int, frames: int, rate: Rate) -> int | None:
    if hours > 23 or minutes > 59 or seconds > 59 or frames >= rate.nominal:
        return None
    return rate.number(hours, minutes, seconds, frames)


def _nibbles(count: int, rate: Rate) -> tuple[int, ...]:
    """Return the eight pieces of the label of a frame."""
    label = rate.label(count)
    hours, minutes, seconds, frames = (int(label[at : at + 2]) for at in (0, 3, 6, 9))
    hours |= RATES.index(rate) << 5
    return (
        frames & 15, frames >> 4, seconds & 15, seconds >> 4, minutes & 15, minutes >> 4, hours & 15, hours >> 4,
    )  # fmt: skip
