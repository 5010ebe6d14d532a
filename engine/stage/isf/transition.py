"""A cue's transition: an ISF file that leads from the picture before the cue to the one after it."""

from __future__ import annotations

from collections.abc import Mapping

FEWEST_FRAMES = 6  # pictures; a transition takes at least this many, however slow the show is
NOTHING: Mapping[str, float] = {}


class Transition:
    """Counts the progress of the transition that is under way. ``name`` is its pass, "" while there is none."""

    def __init__(self) -> None:
        self.name = ""
        self._key = ""
        self._seconds = self._passed = 0.0

    def begin(self, name: str, key: str, seconds: float) -> None:
        """Begin with the pass ``name``, whose progress is the parameter ``key``, for ``seconds``."""
        self.name, self._key, self._seconds, self._passed = name, key, seconds, 0.0

    def step(self, dt: float) -> Mapping[str, float]:
        """Return the progress as a parameter, ``dt`` seconds further; nothing once it is over."""
        if not self.name:
            return NOTHING
        self._passed += min(dt, self._seconds / FEWEST_FRAMES)
        if self._passed >= self._seconds:
            self.name = ""
            return NOTHING
        return {self._key: self._passed / self._seconds}
