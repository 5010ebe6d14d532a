"""Timecode: labels of frames, as SMPTE ST 12-1 counts them, and where a show is that runs by them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

DROPPED = 2  # labels; a drop-frame minute begins with frame 2, but for every tenth minute
STATES = ("runs", "freewheels", "stands")


class Rate(NamedTuple):
    """How frames are counted: labels a second, whether labels are dropped, and frames a real second."""

    name: str
    nominal: int
    drop: bool
    fps: Fraction

    @property
    def day(self) -> int:
        """Frames of 24 hours of labels."""
        return self.number(24, 0, 0, 0)

    def number(self, hours: int, minutes: int, seconds: int, frames: int) -> int:
        """Return the number of the frame with that label, from 0; a dropped label is that of the next frame."""
        total = hours * 60 + minutes
        if self.drop and seconds == 0 and frames < DROPPED and minutes % 10:
            frames = DROPPED
        labels = (total * 60 + seconds) * self.nominal + frames
        return labels - DROPPED * (total - total // 10) if self.drop else labels

    def label(self, count: int) -> str:
        """Return the label of a frame, ``01:02:03:04``, with a semicolon where labels are dropped."""
        count %= self.day
        if self.drop:
            tens, rest = divmod(count, 600 * self.nominal - 9 * DROPPED)
            first = 60 * self.nominal  # frames of the first of ten minutes, which drops none
            count += DROPPED * 9 * tens
            if rest >= first:
                count += DROPPED * (1 + (rest - first) // (first - DROPPED))
        seconds, frames = divmod(count, self.nominal)
        sign = ";" if self.drop else ":"
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{sign}{frames:02}"


RATES = (
    Rate("24", 24, False, Fraction(24)),
    Rate("25", 25, False, Fraction(25)),
    Rate("29.97df", 30, True, Fraction(30000, 1001)),
    Rate("30", 30, False, Fraction(30)),
)
BY_NAME = {rate.name: rate for rate in RATES}


class Reading(NamedTuple):
    """What a sender said: at ``time`` (monotonic seconds) it was ``frame`` frames after 00:00:00:00.

    ``direction`` is 1, or -1 for a tape that runs backwards; 0: it stands there and waits.
    """

    frame: float
    rate: Rate
    time: float
    direction: int = 1


@dataclass(frozen=True, slots=True)
class Timecode:
    """Where the show's clock is: real seconds since 00:00:00:00, how it counts, and one of STATES."""

    position: float
    rate: Rate
    state: str

    @property
    def label(self) -> str:
        """The label of the frame."""
        return self.rate.label(int(self.position * float(self.rate.fps) + 1e-6))


@dataclass(frozen=True, slots=True)
class Mark:
    """A label that is written down: ``frames`` of the sender's rate, or a part of a second."""

    hours: int
    minutes: int
    seconds: int
    frames: int = 0
    part: float = 0.0  # of a second

    def position(self, rate: Rate) -> float:
        """Return its real seconds since 00:00:00:00 where labels are counted by ``rate``."""
        frames = min(self.frames, rate.nominal - 1) + self.part * rate.nominal
        whole = int(frames)
        return (rate.number(self.hours, self.minutes, self.seconds, whole) + frames - whole) / float(rate.fps)


WRITTEN = re.compile(r"(?:(?:(\d{1,2}):)?(\d{1,2}):)?(\d{1,5})(\.\d{1,6})?|(\d{1,2}):(\d{1,2}):(\d{1,2})[:;](\d{1,2})")


def parse_mark(text: str) -> Mark | None:
    """Return the mark of ``01:02:03:04``, ``1:02:03.5``, ``2:03`` or ``90``; None for anything else."""
    match = WRITTEN.fullmatch(text.strip())
    if match is None:
        return None
    if match[5] is not None:
        hours, minutes, seconds, frames = (int(match[group]) for group in (5, 6, 7, 8))
        mark = Mark(hours, minutes, seconds, frames)
    elif match[2] is None:
        mark = mark_of(float(match[3] + (match[4] or "")))
    else:
        mark = Mark(int(match[1] or 0), int(match[2] or 0), int(match[3]), 0, float(match[4] or 0.0))
    return mark if mark.hours < 24 and mark.minutes < 60 and mark.seconds < 60 and mark.frames < 30 else None


def mark_of(seconds: float) -> Mark:
    """Return the mark so many labelled seconds after 00:00:00:00."""
    whole = int(seconds)
    return Mark(whole // 3600, whole // 60 % 60, whole % 60, 0, seconds - whole)
