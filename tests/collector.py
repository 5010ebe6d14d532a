"""Python's collector where one process plays a hundred shows.

A show has all looked through that there is, once before it begins (engine/rig.py). For a program that is little; a
process of tests has imported everything, and each show would take half a second longer. Here what shows have left
behind is looked through after every eighth, and what was there before the first one only then.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from engine import rig

SHOWS = 8  # shows until what they have left behind is looked through; a leak may be that many times as large


class Collector:
    """What a show calls on the module gc."""

    collect, freeze = staticmethod(gc.collect), staticmethod(gc.freeze)

    def __init__(self) -> None:
        self._shows = 0

    def unfreeze(self) -> None:
        """Note that a show has ended."""
        self._shows += 1
        if self._shows % SHOWS == 0:
            gc.unfreeze()
            gc.collect()
            gc.freeze()


@contextmanager
def for_many_shows() -> Iterator[None]:
    """Let the shows of this process use such a collector."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rig, "gc", Collector())
        yield
