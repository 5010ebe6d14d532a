"""The status of the show for the operator, as values: show/operator_view.py fills it, layout.py lays it out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.borders.controls import Knob, Searched
from engine.borders.features import AudioFeatures
from engine.borders.params import Param, Params


@dataclass(frozen=True, slots=True)
class Portrait:
    """A picture whose place is looked for, or was found: `progress` is 0..1, the two pictures are small JPEGs."""

    name: str = ""
    line: str = ""
    progress: float = 0.0
    waiting: int = 0  # pictures behind it
    photograph: bytes | None = None
    answer: bytes | None = None  # the model's, so far


@dataclass(frozen=True, slots=True)
class Status:
    """The state of the show at one moment."""

    params: Params
    cue: str = ""
    place: str = ""  # the place in the setlist, and the next preset
    fps: float = 0.0
    wanted_fps: float = 0.0
    late: int = 0  # pictures
    missed: int = 0  # pictures
    figures: tuple[tuple[str, str], ...] = ()  # further figures: name, value
    doors: tuple[tuple[str, str], ...] = ()  # to other programs: name, how it is doing
    gaps: tuple[float, ...] = ()  # seconds between the last pictures, oldest first
    features: AudioFeatures = field(default_factory=AudioFeatures)
    base: Mapping[str, float] = field(default_factory=dict)  # the preset's values, by parameter
    played: frozenset[str] = frozenset()  # parameters that a route or a control moves
    knobs: tuple[Knob, ...] = ()
    tempo: float = 0.0  # beats a minute that count at present; 0: none is known
    tempo_from: str = ""  # who gives it: heard, tapped, MIDI clock
    cues: tuple[tuple[str, Path | None], ...] = ()  # the names of the evening's presets, and their thumbnails
    cue_at: int = 0  # of cues, the one that plays
    cue_wanted: int | None = None  # of cues, the one that waits for its beat
    goes_on_in: float | None = None  # seconds until the next cue begins by itself
    searched: Searched | None = None  # what is typed to find a preset
    legend: tuple[tuple[str, str], ...] = ()  # keys and what they do, while they are asked for
    learning: str | None = None  # the parameter that MIDI learn is for
    learn_line: str = ""  # the line about MIDI learn, empty while nothing is learned
    states: tuple[str, ...] = ()  # switches that are on: blackout, frozen, flash guard off
    corners: Mapping[str, tuple[float, float]] | None = None  # of the picture on the wall, shares from the lower left
    editing: bool = False  # whether they can be dragged
    log: tuple[tuple[float, str], ...] = ()  # seconds of the show, line
    portrait: Portrait | None = None

    def in_play(self) -> list[str]:
        """Return the parameters that something moves, that a knob holds, that the preset sets or that are learned."""
        held = {knob.target for knob in self.knobs} | self.played
        return [
            name for name, param in self.params.table.items()
            if name in held or self.base.get(name, param.default) != param.default or name == self.learning
        ]  # fmt: skip


def share(param: Param, value: float) -> float:
    """Return the position of ``value`` on the parameter's bar, 0..1; values near the default are spread wider."""
    low, high, middle = param.low, param.high, param.default
    value = min(max(value, low), high)
    if param.unit == "px" and low > 0.0:
        return math.log(value / low) / math.log(high / low)
    if param.whole:
        return (value - low) / (high - low)
    if low < middle < high:
        side = high - middle if value > middle else middle - low
        return 0.5 + 0.5 * math.copysign(math.sqrt(abs(value - middle) / side), value - middle)
    far = math.sqrt(abs(value - middle) / (high - low))
    return far if middle <= low else 1.0 - far


def value_at(param: Param, at: float) -> float:
    """Return the value at the position ``at``, 0..1, of the parameter's bar: the inverse of `share`."""
    low, high, middle = param.low, param.high, param.default
    at = min(max(at, 0.0), 1.0)
    if param.unit == "px" and low > 0.0:
        value = low * (high / low) ** at
    elif param.whole:
        value = low + at * (high - low)
    elif low < middle < high:
        far = (2.0 * at - 1.0) ** 2
        value = middle + far * (high - middle) if at >= 0.5 else middle - far * (middle - low)
    elif middle <= low:
        value = low + at * at * (high - low)
    else:
        value = high - (1.0 - at) ** 2 * (high - low)
    return param.clamp(value)


def number(param: Param, value: float) -> str:
    """Return the text of a value beside its bar, at most six characters."""
    if param.whole:
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) < 10.0 else f"{value:.1f}" if abs(value) < 1000.0 else f"{value:.0f}"
