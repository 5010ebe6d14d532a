"""Opens the cues, and the changes that they cause."""

from __future__ import annotations

from collections.abc import Callable

from engine.borders.contracts import Cues
from engine.borders.cue import Ready
from engine.gesture.chased import ChasedCues
from engine.latent.crossing import Crossing
from engine.show.cue_changes import CueChanges
from engine.show.cue_loader import CueLoader, NoCues
from engine.show.parts import Parts
from engine.show.picture import Picture
from engine.show.shut_doors import ShutDoors


def open_cues(parts: Parts, path: Crossing, picture: Picture) -> tuple[Cues, Callable[[Ready], None]]:
    """Return the cues of a setlist or of a replay, or none; and the function that carries a cue out."""
    shut = None if parts.stage is None or parts.chased is not None else ShutDoors(parts.stage, parts.notices.post)
    if shut is not None:
        shut.tell(parts.preset)
    changes = CueChanges(
        parts.options, parts.table, parts.desk, parts.hands, path, picture, parts.log, parts.film, parts.video, shut
    )
    cues: Cues = NoCues()
    if parts.setlist is not None:
        for name in parts.setlist.transitions:
            picture.load_transition(name)
        cues = CueLoader(parts.setlist, changes.needs, changes.prepare, parts.notices.post)
    elif parts.chased is not None:
        cues = CueLoader(ChasedCues(parts.chased), changes.needs, changes.prepare, parts.notices.post)
    elif parts.past is not None:
        cues = parts.past(changes.prepare)
    return cues, changes.take
