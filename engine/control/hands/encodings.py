"""What a row of values looks like: an encoder's steps, a button's two states, the two bytes of a fine knob."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

from engine.control.hands.pairs import PAIR_SECONDS

SMALL = 8  # steps; a hand turns an encoder by more than that at once only now and then
SINGLE = (1, 63, 65, 127)  # one step, in some encoding
MOSTLY = 0.6  # of the values are small steps
SAID = 3  # values; fewer can be anything
HELD_SECONDS = 0.5  # s; the bytes of a pair come within this time on any machine
TOGETHER = 0.8  # of the coarse bytes; a fine byte lies beside that many in a pair


class Sent(Protocol):
    """What one address has sent, with the seconds and the place in the order of all."""

    @property
    def values(self) -> list[int]:
        """Return the values, 0..127."""
        ...

    @property
    def times(self) -> list[float]:
        """Return when each came."""
        ...

    @property
    def places(self) -> list[int]:
        """Return the number of each in the order of all messages."""
        ...


def encoding_of(values: Sequence[int]) -> str | None:
    """Return the encoding of an encoder that has sent ``values``, None where they are places of a knob.

    A knob does not send a place twice, and goes through the places between. An encoder repeats its steps, or changes
    from steps to the right to steps to the left without anything between.
    """
    if len(values) < 2 or 0 in values or _is_ramp(values):
        return None
    sides = [side for value in values if (side := _side(value))]
    kind = SIDES.get(frozenset(sides))
    small = sum(min(abs(value - centre) for centre in (0, 64, 128)) <= SMALL for value in values)
    offset = kind in ("relative-binary-offset", "relative-65")
    if kind is None or small < MOSTLY * len(values) or (64 in values and not offset):
        return None
    repeats = sum(a == b for a, b in pairwise(values))
    turns = 0 if offset else sum(a != b for a, b in pairwise(sides))
    return kind if repeats >= max(1, (len(values) - 1) / 3) or (turns and len(values) >= SAID) else None


# The sides of 0 and of 64 on which an encoder's values lie, for each encoding that was seen to both sides or to one.
SIDES = {
    frozenset({"above 0", "below 128"}): "relative-twos-complement",
    frozenset({"below 128"}): "relative-twos-complement",
    frozenset({"above 64", "below 64"}): "relative-binary-offset",
    frozenset({"below 64"}): "relative-binary-offset",
    frozenset({"above 0", "above 64"}): "relative-sign-magnitude",
    frozenset({"above 0"}): "relative-1",
    frozenset({"above 64"}): "relative-65",
}


def _side(value: int) -> str:
    """Return where a value lies, empty for 0 and 64, which are no step."""
    if value in (0, 64):
        return ""
    if value < 64:
        return "above 0" if value < 32 else "below 64"
    return "above 64" if value < 96 else "below 128"


def _is_ramp(values: Sequence[int]) -> bool:
    """Return whether the values go through their places one by one, as a knob's do that is turned slowly.

    An encoder may as well, when it is turned faster and then slower; most of its steps are single ones.
    """
    places = set(values)
    if len(places) < 4 or len(places) <= max(places) - min(places) or any(abs(b - a) > 1 for a, b in pairwise(values)):
        return False
    return sum(value in SINGLE for value in values) < 0.4 * len(values)


def is_button(values: Sequence[int]) -> bool:
    """Return whether the values are presses, each with its release behind it; the last may be held."""
    presses, releases = values[::2], values[1::2]
    if not all(presses) or any(releases):
        return False
    return len(values) > 1 or values[0] == 127


def pair_of(coarse: Sent, fine: Sent) -> str | None:
    """Return the kind of pair that two controls are together, None where they are two.

    In a pair every coarse byte has a fine one right beside it. The order is the one in which the joined values go the
    shorter way: in the other one they leap wherever the coarse byte changes.
    """
    orders = {"14-bit-coarse-first": _joined(coarse, fine, 1), "14-bit-fine-first": _joined(coarse, fine, -1)}
    full = {kind: joined for kind, joined in orders.items() if len(joined) >= TOGETHER * len(coarse.values)}
    if not full or (len(coarse.values) < SAID and set(fine.values) <= {0, 127}):
        return None
    if len(coarse.values) >= SAID and is_button(fine.values) and not is_button(coarse.values):
        return None
    first, *other = sorted(full, key=lambda kind: -len(full[kind]))
    shorter = [kind for kind in other if _way(full[kind]) < 0.8 * _way(full[first])]
    return (shorter or [first])[0]


def _joined(coarse: Sent, fine: Sent, side: int) -> list[int]:
    """Return the values of every coarse byte whose neighbour on ``side`` (1: behind it) is a fine one.

    One pair alone must come at once; where they alternate, a slow machine may have held them apart.
    """
    apart = PAIR_SECONDS if len(coarse.values) < SAID else HELD_SECONDS
    places = {place: index for index, place in enumerate(fine.places)}
    found = []
    for value, time, place in zip(coarse.values, coarse.times, coarse.places, strict=True):
        index = places.get(place + side)
        if index is not None and abs(fine.times[index] - time) <= apart:
            found.append(value << 7 | fine.values[index])
    return found


def _way(values: Sequence[int]) -> float:
    """Return the way from value to value, a step's mean."""
    return sum(abs(b - a) for a, b in pairwise(values)) / max(1, len(values) - 1)
