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
    stage: str = ""  # that took longest in the frame after it
    stage_seconds: float = 0.0

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


WHOLE = ("frame", "shown")  # timings of more than one stage
LONG = 0.1  # s; a shorter gap is not kept


def read(path: Path) -> Pictures:
    """Read a trace."""
    pictures, index = Pictures(), -1
    for row in rows(path):
        at = float(row["mono"])
        if not pictures.shown:
            pictures.begin = at
        elif at - pictures.end >= LONG:
            pictures.gaps.append(Gap(pictures.end, at, *_longest(row.get("timings_ms", {}))))
        pictures.missing += int(row["index"]) - index - 1
        pictures.shown, pictures.end, index = pictures.shown + 1, at, int(row["index"])
        pictures.events += [(at, line) for line in row["events"]]
    return pictures


def _longest(timings: dict[str, float]) -> tuple[str, float]:
    """Return the stage that took longest, and its seconds."""
    stages = {stage: ms for stage, ms in timings.items() if stage not in WHOLE}
    stage = max(stages, key=lambda each: stages[each], default="")
    return stage, stages.get(stage, 0.0) / 1e3
