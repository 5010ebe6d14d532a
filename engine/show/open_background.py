"""What shows through the picture: which passes draw it, and the file that is behind it."""

from __future__ import annotations

from pathlib import Path

from engine.borders.contracts import Footage
from engine.borders.errors import UserError
from engine.borders.preset import COLOUR, FEEDBACK, ISF, VIDEO, Preset
from engine.show.model_fade import with_fade
from engine.stage.isf.files import BEHIND as BEHIND_ISF

PASSES = {FEEDBACK: "feedback"}  # by source; of every other source the pass is
BEHIND = "background"


def drawn_passes(preset: Preset) -> tuple[str, ...]:
    """Return the passes that ``preset`` is drawn by: its own, its background's, and the one for a change of model."""
    passes = preset.passes
    if preset.background is not None and preset.background.source.startswith(ISF):
        passes = (*passes, BEHIND_ISF + preset.background.source.removeprefix(ISF))
    elif preset.background is not None:
        needed = PASSES.get(preset.background.source, BEHIND)
        passes = passes if needed in passes else (*passes, needed)
    return with_fade(passes)


def open_footage(preset: Preset) -> Footage | None:
    """Return what stands in ``preset``'s background; None for none, for a colour and for what a pass draws.

    UserError names the preset, and the file that is wrong.
    """
    if preset.background is None or preset.background.source in (COLOUR, FEEDBACK, VIDEO):
        return None
    if preset.background.source.startswith(ISF):
        return None
    from engine.stage.video.still import open_still

    try:
        return open_still(Path(preset.background.source))
    except UserError as error:
        raise UserError(f"{preset.path or preset.name}: [background] {error}") from error
