"""Which frames of a film are still to be made, by whom, and how many at once: the bookkeeping of a farm."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

Range = tuple[int, int]  # a frame and the one behind the last

GUIDED = 2.0  # a worker gets its share of what is left, divided by this: the last ranges are short
RECENT = 0.5  # share of the newest measurement in a worker's rate
TRIES = 3  # how often a range may fail before the film is given up
LATE = 2.0  # times the expected seconds; a range that takes longer is given to an idle worker as well


@dataclass(slots=True)
class Worker:
    """A place on a node that makes one range at a time."""

    node: str
    rate: float | None = None  # frames a second, measured

    def measured(self, frames: int, seconds: float) -> None:
        """Note that ``frames`` took ``seconds``."""
        now = frames / max(seconds, 1e-3)
        self.rate = now if self.rate is None else self.rate + RECENT * (now - self.rate)


@dataclass(slots=True)
class Ranges:
    """The frames of a film: made, under way, and left."""

    frames: int
    least: int  # frames; no range is shorter, for what comes before each is made as well
    made: set[Range] = field(default_factory=set)
    under_way: dict[int, Range] = field(default_factory=dict)
    failed: dict[Range, int] = field(default_factory=dict)

    def left(self) -> list[Range]:
        """Return what nobody has made or makes, in the film's order."""
        taken = sorted({*self.made, *self.under_way.values(), (self.frames, self.frames)})
        found, due = [], 0
        for begin, end in taken:
            if begin > due:
                found.append((due, begin))
            due = max(due, end)
        return found

    def next(self, worker: int, workers: Iterable[Worker], own: Worker, handed: Collection[int] = ()) -> Range | None:
        """Give ``worker`` its next range, by its share of what all can make; None where nothing is left.

        One that begins where the range before was ``handed`` over comes first.
        """
        left = self.left()
        if not left:
            return None
        rates = [each.rate for each in workers if each.rate is not None]
        usual = sum(rates) / len(rates) if rates else 1.0
        share = (own.rate or usual) / max(sum(each.rate or usual for each in workers), 1e-9)
        remaining = sum(end - begin for begin, end in left)
        count = max(self.least, math.ceil(remaining * share / GUIDED))
        begin, end = max(left, key=lambda each: (each[0] in handed, each[1] - each[0]))
        if end - begin - count < self.least:
            count = end - begin  # no rest that is too short for a range of its own
        given = begin, min(end, begin + count)
        self.under_way[worker] = given
        return given

    def again(self, worker: int, late: Iterable[Range]) -> Range | None:
        """Give ``worker`` the first of ``late`` as well, of the ranges that another one is slow with."""
        twice = [given for given in self.under_way.values() if [*self.under_way.values()].count(given) > 1]
        for given in late:
            if given not in twice and given not in self.made:
                self.under_way[worker] = given
                return given
        return None

    def succeeded(self, worker: int) -> Range:
        """Note that ``worker`` has made its range."""
        given = self.under_way.pop(worker)
        self.made.add(given)
        return given

    def lost(self, worker: int, counts: bool = True) -> bool:
        """Note that ``worker`` did not make its range; return whether it may be tried again.

        What is lost with its node does not count.
        """
        given = self.under_way.pop(worker)
        self.failed[given] = self.failed.get(given, 0) + counts
        return self.failed[given] < TRIES

    @property
    def done(self) -> int:
        """Return how many frames are made."""
        return sum(end - begin for begin, end in self.made)
