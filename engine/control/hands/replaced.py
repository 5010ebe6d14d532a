"""Values that a later one makes void before a frame could read them: a frame reads the last of every control."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def newest(items: Sequence[Item], key: Callable[[Item], Hashable | None]) -> list[Item]:
    """Return ``items`` in their order, of those with the same key the last one; key None keeps an item."""
    seen: set[Hashable] = set()
    kept: list[Item] = []
    for item in reversed(items):
        of = key(item)
        if of is None:
            kept.append(item)
        elif of not in seen:
            seen.add(of)
            kept.append(item)
    kept.reverse()
    return kept


def next_of(told: int, count: int) -> int:
    """Return how many a line tells of next, ten times more each time: ``told`` is past, and so is ``count``."""
    while told <= count:
        told *= 10
    return told
