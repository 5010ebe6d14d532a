"""A preset as a value: a model, a path through its latent space, parameters and routes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

KINDS = ("uniform", "centripetal")
SPACES = ("w", "z", "w+")
DIRECTIONS = ("sefa", "ganspace")
ISF = "isf:"  # begins the name of a pass that is a file of the Interactive Shader Format


@dataclass(frozen=True, slots=True)
class Latent:
    """The path: seeds (or files of projected w, beside the preset) in the order they are visited.

    In space "z" the spline runs through z and every frame is mapped; "w+" is "w" with files that have a w per
    layer. With ``constant_norm`` a z on the way is as long as the points are: PGGAN and DCGAN know only a shell.
    ``mix_seeds`` is the second traveller's path, empty for none. ``directions`` says what direction.1
    to 8 are: "sefa" from the weights, "ganspace" from many w.
    """

    seeds: tuple[int | str, ...] = (0, 1, 2, 3)
    space: str = "w"
    spline: str = "uniform"
    constant_speed: bool = False
    ping_pong: bool = False
    constant_norm: bool = False
    mix_seeds: tuple[int | str, ...] = ()
    directions: str = "sefa"


# name: (curve, its inverse); the inverse says where a knob would stand for a value.
CURVES: Mapping[str, tuple[Callable[[float], float], Callable[[float], float]]] = MappingProxyType(
    {
        "linear": (lambda x: x, lambda y: y),
        "square": (lambda x: x * abs(x), lambda y: math.copysign(math.sqrt(abs(y)), y)),
        "cube": (lambda x: x * x * x, lambda y: math.copysign(abs(y) ** (1 / 3), y)),
        "root": (lambda x: math.sqrt(x) if x > 0.0 else 0.0, lambda y: y * y if y > 0.0 else 0.0),
    }
)
MODES = ("add", "multiply", "set")


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the matrix. ``attack`` and ``release`` are seconds; ``range`` rescales a 0..1 source."""

    source: str
    target: str
    amount: float = 1.0
    attack: float = 0.0
    release: float = 0.0
    mode: str = "add"
    curve: str = "linear"
    range: tuple[float, float] = (0.0, 1.0)

    def shape(self, value: float) -> float:
        """Return what the route sends for an envelope at ``value``."""
        low, high = self.range
        return self.amount * (low + (high - low) * CURVES[self.curve][0](value))

    def position(self, sent: float) -> float:
        """Return the source's value, 0..1, at which the route sends ``sent``, or as near as it can."""
        low, high = self.range
        if self.amount == 0.0 or high == low:
            return 0.0
        return min(max(CURVES[self.curve][1]((sent / self.amount - low) / (high - low)), 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Styling:
    """What the picture is painted over with: a style network, up to four of its styles, and at which size.

    ``weights`` is a shipped name or a file, a style a name, a number or a picture where the weights allow; without any
    the network's first. ``size`` is the shorter side of what is painted, pixels.
    """

    weights: str
    styles: tuple[str, ...] = ()
    size: int = 128


COLOUR, FEEDBACK = "colour", "feedback"  # of a background that is no file


@dataclass(frozen=True, slots=True)
class Background:
    """What shows through the picture: COLOUR, FEEDBACK, "video" (what --video-in shows), a picture's
    or a film's file, or an ISF generator, as a pass names it.
    """

    source: str = COLOUR


@dataclass(frozen=True, slots=True)
class Preset:
    """One look: a model, a path through its latent space, parameter values and routes."""

    name: str
    model: str = "fruit"
    description: str = ""
    latent: Latent = field(default_factory=Latent)
    params: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    routes: tuple[Route, ...] = ()
    passes: tuple[str, ...] = ("grade",)
    style: Styling | None = None
    background: Background | None = None
    path: Path | None = None
    text: str = field(default="", repr=False, compare=False)  # of the file, as it was read
