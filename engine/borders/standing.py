"""Where a show stands: all that another process needs to take it up again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from engine.borders.controls import Controls


class RouteStanding(NamedTuple):
    """Where a route stands: its envelope, and the takeover of its knob (positions 0..1)."""

    source: str
    target: str
    envelope: float
    ghost: float | None = None  # where the parameter stands while the knob waits
    acting: bool = True
    knob: float | None = None  # where the knob was; None: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a show stands after a frame."""

    written: float  # seconds since 1970
    time: float  # seconds on the show's clock
    name: str  # of the preset that plays
    path: Path | None  # of the preset's file
    place: int  # cue of the setlist, from 0
    given: Mapping[str, str | int | None]  # what the command was asked for, of GIVEN
    controls: Controls
    routes: tuple[RouteStanding, ...]
    params: Mapping[str, float]  # in force
    phases: tuple[float, ...]  # of the path's travellers
    beats: float  # since the show's start
    bpm: float
    recording: bool = False


GIVEN = ("model", "seed", "takeover", "resolution", "setlist", "shaders")  # options that `given` holds
