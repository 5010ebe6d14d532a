"""What the performer's hands did: one immutable Controls a frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from engine.borders.timecode import Timecode

# What nobody touched. A partial is called without a Python frame, a lambda is not.
_NO_VALUES: Callable[[], Mapping[str, float]] = partial(MappingProxyType[str, float], {})
_NO_NAMES: Callable[[], Mapping[str, str]] = partial(MappingProxyType[str, str], {})


@dataclass(frozen=True, slots=True)
class Tempo:
    """A tempo somebody gave: beats a minute, and the position in beats at the frame's tick.

    ``exact`` means that the position itself counts (MIDI clock since its start), not only its phase. ``source`` is who
    gave it, for people to read.
    """

    bpm: float
    beats: float
    exact: bool = False
    source: str = "tapped"


class Knob(NamedTuple):
    """A knob on a parameter, positions 0..1: the hand's, the parameter's, and the ghost's while the knob waits."""

    target: str
    source: str
    at: float | None  # None: not touched yet
    value: float
    ghost: float | None
    sends: float | None  # what the parameter would be, were the hand's position taken


class Searched(NamedTuple):
    """What is typed to find a preset: the text, the names that fit it, and the one that Enter takes."""

    text: str
    found: tuple[str, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Controls:
    """Where every control stands, 0..1 by dotted name, and what was pressed since the last frame.

    Names are ``key.SPACE``, ``midi.cc.CHANNEL.CONTROL`` (channels from 1), ``midi.knob_1`` and
    ``osc.NAME``, and ``midi.…@PORT`` for what was learned; what can be pressed has a ``.toggle`` beside it, which
    every press turns over. ``edges`` holds the names of those that went down since the last frame, in order.
    """

    values: Mapping[str, float] = field(default_factory=_NO_VALUES)
    edges: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()  # of commands.COMMANDS, in order
    overrides: Mapping[str, float] = field(default_factory=_NO_VALUES)  # parameters set by OSC, as they were asked for
    bindings: Mapping[str, str] = field(default_factory=_NO_NAMES)  # learned: parameter to source
    turned: Mapping[str, float] = field(default_factory=_NO_VALUES)  # encoders: how far in all, in ways of a knob
    tempo: Tempo | None = None  # tapped, or of MIDI clock or Link
    tempo_factor: float = 1.0  # on the tempo that is heard
    timecode: Timecode | None = None  # where the show's clock is, as a sender tells
    blackout: bool = False
    freeze: bool = False
