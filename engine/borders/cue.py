"""A change of preset, as it is asked for and as it is ready to be taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.borders.params import Table
from engine.borders.preset import Preset

if TYPE_CHECKING:
    from engine.borders.contracts import Footage, Look, Model, Path


@dataclass(frozen=True, slots=True)
class Cue:
    """Change to ``preset`` over ``seconds`` (0: a cut).

    ``transition`` is an ISF shader, as a preset's passes name it, that leads from the old picture to the new one in
    that time; the preset itself then begins at once. Empty: everything morphs.
    """

    preset: Preset
    seconds: float = 0.0
    transition: str = ""


@dataclass(frozen=True, slots=True)
class PreparedCue:
    """What a preset plays with: the model, a path through it, and the rows of the table.

    ``t`` is where a new path begins, None where the path is the one that is travelled already.
    ``look`` is what the picture is painted over with, None for no style; ``footage`` what lies behind it.
    """

    model: Model
    path: Path
    t: float | None
    table: Table
    look: Look | None = None
    footage: Footage | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """A cue with everything it needs: ``parts`` are what was prepared for it, None where nothing changes with it."""

    cue: Cue
    parts: PreparedCue | None = None
