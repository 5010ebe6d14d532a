"""Loads what the next preset needs while the show goes on, and hands it over whole."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from engine.clock import Tick
from engine.control.preset import Preset
from engine.control.setlist import Cue
from engine.errors import UserError


class Cues(Protocol):
    """What decides when another preset begins."""

    def poll(self, tick: Tick) -> Cue | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Ready:
    """A cue with everything it needs: ``parts`` are what ``prepare`` made, None when nothing had to be."""

    cue: Cue
    parts: Any = None


class Backstage:
    """Stands between the setlist and the loop. Preparing happens in a thread; the loop never waits for it."""

    def __init__(
        self, cues: Cues, needs: Callable[[Preset], bool], prepare: Callable[[Preset], Any],
        notify: Callable[[str], None],
    ) -> None:
        """``needs`` tells whether a preset needs preparing; ``prepare`` does it, or raises UserError."""
        self._cues, self._needs, self._prepare, self._notify = cues, needs, prepare, notify
        self._wanted: Cue | None = None
        self._ready: Ready | None = None
        self._thread: threading.Thread | None = None

    def poll(self, tick: Tick) -> Ready | None:
        """Return the cue that begins at ``tick``, if one does. Of several under way the last counts."""
        cue = self._cues.poll(tick)
        if cue is not None:
            self._wanted, self._ready = cue, None
        if self._wanted is None:
            return None
        if self._thread is None and self._ready is None:
            if not self._needs(self._wanted.preset):
                cue, self._wanted = self._wanted, None
                return Ready(cue)
            self._thread = threading.Thread(target=self._work, args=(self._wanted,), name="backstage", daemon=True)
            self._thread.start()
        elif self._thread is not None and not self._thread.is_alive():
            self._thread = None
            ready, self._ready = self._ready, None
            if ready is not None and ready.cue is self._wanted:
                self._wanted = None
                return ready
            if ready is None:
                self._wanted = None  # it failed, and was told
        return None

    def _work(self, cue: Cue) -> None:
        try:
            self._ready = Ready(cue, self._prepare(cue.preset))
        except UserError as error:
            self._notify(f"{error}; the preset before plays on")


class NoCues:
    """A show of one preset that nobody changes: renders and benches."""

    def poll(self, tick: Tick) -> Ready | None:
        """Return None."""
