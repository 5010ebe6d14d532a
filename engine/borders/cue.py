"""A change of preset, as it is asked for and as it is ready to be taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.borders.preset import Preset


@dataclass(frozen=True, slots=True)
class Cue:
    """Change to ``preset`` over ``seconds`` (0: a cut)."""

    preset: Preset
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Ready:
    """A cue with everything it needs: ``parts`` are what ``prepare`` made, None when nothing had to be."""

    cue: Cue
    parts: Any = None
