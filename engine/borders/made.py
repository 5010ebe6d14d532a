"""What of a frame is made, where only some frames of a film are: as much as later ones still show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from engine.borders.tick import Tick


class Made(IntEnum):
    """How far a frame is made."""

    NOTHING = 0  # it is travelled, without the generator
    GENERATED = 1
    PAINTED = 2  # its style as well
    DRAWN = 3  # its passes as well: the whole picture, which only the window does not get


@dataclass(frozen=True, slots=True)
class Shown:
    """The times of earlier frames, seconds, that a frame shows: what was generated, painted and drawn then."""

    generated: frozenset[float] = frozenset()
    painted: frozenset[float] = frozenset()
    drawn: frozenset[float] = frozenset()


@dataclass(frozen=True, slots=True)
class Before:
    """The frames before the first one that is shown, and how far each is made."""

    frames: Iterable[tuple[Tick, Made]] = ()
    shown_from: float = 0.0  # seconds; the first frame that is shown
