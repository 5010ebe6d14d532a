"""Loads what the next preset needs while the show goes on, and hands it over whole."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from engine.borders.cue import Cue, PreparedCue, Ready
from engine.borders.errors import Trouble, UserError, first_line
from engine.borders.preset import Preset
from engine.borders.tick import Tick


class Asked(Protocol):
    """What decides when another preset begins: the setlist."""

    def poll(self, tick: Tick) -> Cue | None:
        """Return the cue that begins at ``tick``, if one does."""
        ...


class CueLoader:
    """Stands between the setlist and the loop. Preparing happens in a thread; the loop never waits for it."""

    def __init__(
        self,
        cues: Asked,
        needs: Callable[[Preset], bool],
        prepare: Callable[[Preset], PreparedCue],
        notify: Callable[[str], None],
    ) -> None:
        """``needs`` tells whether a preset needs preparing, ``prepare`` does it; UserError: it is wrong."""
        self._cues, self._needs, self._prepare, self._notify = cues, needs, prepare, notify
        self._wanted: Cue | None = None
        self._done: tuple[Cue, Ready | None] | None = None  # what the thread made of which cue
        self._thread: threading.Thread | None = None
        self._loading: Cue | None = None

    def poll(self, tick: Tick) -> Ready | None:
        """Return the cue that begins at ``tick``, if one does. A later cue replaces one that is still loading."""
        self._wanted = self._cues.poll(tick) or self._wanted
        if self._thread is not None:
            if self._thread.is_alive():
                overtaken = self._wanted is not None and self._wanted is not self._loading
                return self._begin(self._wanted, alone=False) if overtaken and self._wanted else None
            self._thread = None
            (cue, ready), self._done = self._done or (None, None), None
            if cue is self._wanted:
                self._wanted = None
                return ready  # None: it failed, which was told
        return self._begin(self._wanted) if self._wanted is not None else None

    def _begin(self, cue: Cue, alone: bool = True) -> Ready | None:
        """Return a cue that needs nothing; begin to prepare one that does, if nothing else is being prepared."""
        try:
            needs = self._needs(cue.preset)
        except UserError as error:
            self._wanted = None
            self._notify(Trouble(f"{error}; the preset before plays on"))
            return None
        if not needs:
            self._wanted = None
            return Ready(cue)
        if not alone:
            return None
        self._loading = cue
        self._thread = threading.Thread(target=self._work, args=(cue,), name="cue loader", daemon=True)
        self._thread.start()
        return None

    def _work(self, cue: Cue) -> None:
        ready = None
        try:
            ready = Ready(cue, self._prepare(cue.preset))
        except Exception as error:  # noqa: BLE001 - what loads a model raises what it likes
            self._notify(Trouble(f"{first_line(error)}; the preset before plays on"))
        self._done = (cue, ready)


class NoCues:
    """A show of one preset that nobody changes: renders and benches."""

    def poll(self, tick: Tick) -> Ready | None:
        """Return None."""
