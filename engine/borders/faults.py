"""What fails while the show is on: told once, left out, and tried again; the show goes on around it.

Wherever a part of the picture is made, `Faults.attempt` makes it. Only live shows and rehearsals are on stage: a
render, a bench or a still fails loudly instead.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from engine.borders.errors import first_line

FIRST, LONGEST = 0.05, 2.0  # seconds of the pauses before what fails again and again is tried once more; they double
CALM = 1.0  # seconds that it must then go well for, to be as good as new


class Faults:
    """The parts that fail at present, by name. A first failure is tried again at the next frame."""

    def __init__(self, notify: Callable[[str], None] = lambda line: None, on_stage: bool = False) -> None:
        """``notify`` gets a line for the performer; not ``on_stage``, every error is raised."""
        self._notify, self.on_stage = notify, on_stage
        self._failing: dict[str, tuple[float, float]] = {}  # when each failed last, and the pause from then on

    def attempt(self, what: str, make: Callable[[], object]) -> None:
        """Call ``make``, unless ``what`` is at rest; what it raises is told, and nothing more."""
        if self.rests(what):
            return
        try:
            make()
        except Exception as error:  # noqa: BLE001 - whatever it is, the picture must not stop
            self.failed(what, error)

    def rests(self, what: str) -> bool:
        """Return whether ``what`` failed so lately that it is not to be tried yet."""
        if what not in self._failing:
            return False
        at, pause = self._failing[what]
        return time.monotonic() < at + pause

    def failed(self, what: str, error: Exception) -> None:
        """Tell of the first failure, pause longer after every further one; off the stage ``error`` is raised."""
        if not self.on_stage:
            raise error
        _, pause = self._current().get(what, (0.0, None))
        if pause is None:
            self._notify(f"{what} failed, is tried again: {first_line(error)}")
        self._failing[what] = time.monotonic(), 0.0 if pause is None else min(max(FIRST, 2.0 * pause), LONGEST)

    def states(self) -> tuple[str, ...]:
        """Return what fails at present, in a few words each."""
        return tuple(f"{what} fails" for what in self._current())

    def _current(self) -> dict[str, tuple[float, float]]:
        """Return what fails, without what has gone well for long enough since its pause."""
        now = time.monotonic()
        for what in [what for what, (at, pause) in self._failing.items() if now > at + pause + CALM]:
            del self._failing[what]
        return self._failing
