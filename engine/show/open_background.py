"""What shows through the picture: which passes draw it, and the file that is behind it."""

from __future__ import annotations

from pathlib import Path

from engine.borders.contracts import Footage
from engine.borders.errors import UserError
from engine.borders.preset import COLOUR, FEEDBACK, ISF, Preset
from engine.borders.video import VIDEO, Seen
from engine.show.model_fade import with_fade
from engine.stage.isf.files import BEHIND as BEHIND_ISF
from engine.stage.video.behind import Behind

PASSES = {FEEDBACK: "feedback"}  # by source; of every other source the pass is
BEHIND = "background"
LARGEST_FILM = 1280  # pixels of the longer side; a film behind the subject is decoded no larger


def drawn_passes(preset: Preset) -> tuple[str, ...]:
    """Return the passes that ``preset`` is drawn by: its own, its background's, and the one for a change of model."""
    passes = preset.passes
    if preset.background is not None and preset.background.source.startswith(ISF):
        passes = (*passes, BEHIND_ISF + preset.background.source.removeprefix(ISF))
    elif preset.background is not None:
        needed = PASSES.get(preset.background.source, BEHIND)
        passes = passes if needed in passes else (*passes, needed)
    return with_fade(passes)


def open_footage(preset: Preset, exact: bool = False, video: Seen | None = None) -> Footage | None:
    """Return what stands in ``preset``'s background; None for none, for a colour and for what a pass draws.

    An ``exact`` film is waited for, as renders need it. ``video`` is the show's video in; without one a preset that
    asks for it has its colour.
    UserError names the preset, and the file that is wrong.
    """
    if preset.background is None or preset.background.source in (COLOUR, FEEDBACK):
        return None
    if preset.background.source == VIDEO:
        return None if video is None else Behind(video)
    if preset.background.source.startswith(ISF):
        return None
    from engine.stage.video.film import Film
    from engine.stage.video.still import SUFFIXES, open_still

    path = Path(preset.background.source)
    try:
        return open_still(path) if path.suffix.lower() in SUFFIXES else Film(path, LARGEST_FILM, exact)
    except UserError as error:
        raise UserError(f"{preset.path or preset.name}: [background] {error}") from error
