"""The parts that fail while the show is on: each is told once, left out, and tried again. The show goes on.

`Faults.attempt` makes every part of the picture. Only live shows and rehearsals are on stage: a render, a bench or a
still fails loudly instead.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec

from engine.borders.errors import Trouble, first_line

P = ParamSpec("P")

FIRST, LONGEST = 0.05, 2.0  # seconds; the first and the longest pause before a new try, each pause twice the one before
CALM = 1.0  # seconds without a fault after a pause; then a part counts as sound again


class Faults:
    """The parts that fail at present, by name. After its first failure a part is tried again at the next frame."""

    def __init__(self, notify: Callable[[str], None] = lambda line: None, on_stage: bool = False) -> None:
        """``notify`` gets a line for the performer. Where ``on_stage`` is False every error is raised."""
        self._notify, self.on_stage = notify, on_stage
        self.failing: dict[str, tuple[float, float]] = {}  # by part: when it failed last, and the pause from then on

    def attempt(self, what: str, make: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Call ``make`` with the arguments after it, unless ``what`` rests; an error is told and goes no further."""
        if what in self.failing and self.rests(what):
            return
        try:
            make(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - whatever it is, the picture must not stop
            self.failed(what, error)

    @contextmanager
    def tolerated(self, what: str) -> Iterator[None]:
        """Let what the block raises be told and go no further. Ask ``rests`` before."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, the picture must not stop
            self.failed(what, error)

    def rests(self, what: str) -> bool:
        """Return whether ``what`` has failed and its pause is not over."""
        if what not in self.failing:
            return False
        at, pause = self.failing[what]
        return time.monotonic() < at + pause

    def failed(self, what: str, error: Exception) -> None:
        """Tell the first failure and pause longer after every further one. Off the stage, raise ``error``."""
        if not self.on_stage:
            raise error
        _, pause = self._current().get(what, (0.0, None))
        if pause is None:
            self._notify(Trouble(f"{what} failed, is tried again: {first_line(error)}"))
        self.failing[what] = time.monotonic(), 0.0 if pause is None else min(max(FIRST, 2.0 * pause), LONGEST)

    def states(self) -> tuple[str, ...]:
        """Return the parts that fail at present, in a few words each."""
        return tuple(f"{what} fails" for what in self._current())

    def _current(self) -> dict[str, tuple[float, float]]:
        """Forget the parts that count as sound again; return those that fail."""
        now = time.monotonic()
        for what in [what for what, (at, pause) in self.failing.items() if now > at + pause + CALM]:
            del self.failing[what]
        return self.failing
