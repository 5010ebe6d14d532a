"""Opens the way through latent space as the loop walks it: logged, and brought to where a performance stood."""

from __future__ import annotations

from engine.gesture.chased import ChasedWalk
from engine.latent.crossing import Crossing
from engine.show.parts import Parts, Travel


def open_walk(parts: Parts, path: Crossing) -> Travel:
    """Return what the loop travels by."""
    travel: Travel = path.travel if parts.joined is None else parts.joined(path)
    if parts.chased is not None:
        travel = ChasedWalk(parts.chased, path, parts.desk, travel)
    return travel if parts.log is None else parts.log.travelled(travel, path)
