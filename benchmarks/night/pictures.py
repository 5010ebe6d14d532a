"""What a trace says of the pictures of a long show, read line by line: it may have gigabytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the whole lines of a trace."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                yield json.loads(line)


@dataclass(frozen=True, slots=True)
class Gap:
    """The time between two pictures."""

    begin: float  # monotonic seconds
    end: float

    @property
    def seconds(self) -> float:
        """How long no new picture came."""
        return self.end - self.begin


@dataclass(slots=True)
class Pictures:
    """The presented pictures, in short."""

    shown: int = 0
    missing: int = 0  # numbers that the trace leaves out
    begin: float = 0.0  # monotonic seconds
    end: float = 0.0
    gaps: list[Gap] = field(default_factory=list)  # from ``LONG`` on
    events: list[tuple[float, str]] = field(default_factory=list)


LONG = 0.1  # s; a shorter gap is not kept


def read(path: Path) -> Pictures:
    """Read a trace."""
    pictures, index = Pictures(), -1
    for row in rows(path):
        at = float(row["mono"])
        if not pictures.shown:
            pictures.begin = at
        elif at - pictures.end >= LONG:
            pictures.gaps.append(Gap(pictures.end, at))
        pictures.missing += int(row["index"]) - index - 1
        pictures.shown, pictures.end, index = pictures.shown + 1, at, int(row["index"])
        pictures.events += [(at, line) for line in row["events"]]
    return pictures
