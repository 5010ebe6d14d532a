"""What the performer is shown of the show, as values: filled by the cockpit, laid out by the board."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.borders.controls import Knob
from engine.borders.features import AudioFeatures
from engine.borders.params import Param, Params


@dataclass(frozen=True, slots=True)
class Status:
    """One look at the show."""

    params: Params
    cue: str = ""
    place: str = ""  # in the setlist, and what comes next
    fps: float = 0.0
    wanted_fps: float = 0.0
    late: int = 0
    missed: int = 0
    figures: tuple[tuple[str, str], ...] = ()  # more of them: name, value
    gaps: tuple[float, ...] = ()  # seconds between the last pictures, oldest first
    features: AudioFeatures = field(default_factory=AudioFeatures)
    base: Mapping[str, float] = field(default_factory=dict)  # where the preset has them
    played: frozenset[str] = frozenset()  # parameters that something moves
    knobs: tuple[Knob, ...] = ()
    learning: str | None = None  # the parameter that MIDI learn is at
    learn_line: str = ""
    states: tuple[str, ...] = ()  # blackout, frozen, flash guard off
    log: tuple[tuple[float, str], ...] = ()

    def in_play(self) -> list[str]:
        """Return the parameters worth a look: what moves, what a knob holds, what the preset has set."""
        held = {knob.target for knob in self.knobs} | self.played
        return [
            name for name, param in self.params.table.items()
            if name in held or self.base.get(name, param.default) != param.default or name == self.learning
        ]  # fmt: skip


def share(param: Param, value: float) -> float:
    """Return where ``value`` is on the parameter's bar, 0..1: steps near its default are wider than far ones."""
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


def number(param: Param, value: float) -> str:
    """Return a value as it is written beside its bar, six characters at most."""
    if param.whole:
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) < 10.0 else f"{value:.1f}" if abs(value) < 1000.0 else f"{value:.0f}"
