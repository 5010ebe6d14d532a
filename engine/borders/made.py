"""What of a frame is made, where only some frames of a film are: as much as later ones still show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.borders.tick import Tick

Memory: TypeAlias = Mapping[str, NDArray[Any]]  # what the coming pictures look back at, by part and name


Seen: TypeAlias = MutableMapping[int, list[NDArray[np.uint8]]]  # what the flash guard judged by, by the tick's index


class Made(IntEnum):
    """How far a frame is made."""

    NOTHING = 0  # it is travelled, without the generator
    GENERATED = 1
    PAINTED = 2  # its style as well
    DRAWN = 3  # its passes as well: the whole picture, which only the window does not get


@dataclass(frozen=True, slots=True)
class Shown:
    """The times of earlier frames, seconds, that a frame shows: what was generated, painted and drawn then.

    What was generated is told by the place in the network at which it is shown. Up to there, an earlier frame depends
    only on what it shows itself at lower places.
    """

    generated: Mapping[int, frozenset[float]] = field(default_factory=dict)
    painted: frozenset[float] = frozenset()
    drawn: frozenset[float] = frozenset()
    endless: tuple[str, ...] = ()  # what looks back at its own last picture, by name


@dataclass(frozen=True, slots=True)
class Handed:
    """What another part of the film hands over: the memory as it is behind the film's first ``frames`` frames."""

    frames: int
    memory: Memory


@dataclass(frozen=True, slots=True)
class Before:
    """The frames before the first one that is shown, and how far each is made.

    What is ``handed`` over stands for all that was painted and drawn up to there. The flash guard has ``seen`` frames
    in an earlier try; what it sees in this one is added.
    """

    frames: Iterable[tuple[Tick, Made]] = ()
    shown_from: float = 0.0  # seconds; the first frame that is shown
    handed: Handed | None = None
    seen: Seen = field(default_factory=dict)

    def memory_behind(self, frames: int) -> Memory | None:
        """Return the memory that was handed over as it is behind the film's first ``frames``, if any was."""
        return self.handed.memory if self.handed is not None and self.handed.frames == frames else None
