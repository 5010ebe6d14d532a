"""The journal of a show: where it stands, written every second, so that another process can take it up.

A thread writes it, whole or not at all, to the user's folder of state. A show under a supervisor also keeps it in the
memory that both share, at once after a change; `engine/system/watch.py` describes that.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from engine.borders.controls import Controls
from engine.borders.errors import UserError
from engine.borders.standing import RouteStanding, Standing
from engine.gesture.rows import changed, differences
from engine.system import user_folders
from engine.system.files import read_text

VERSION = 1  # of the journal's format; another one is not read
WRITE_SECONDS = 1.0  # s; from one version of the file to the next
SHARE_SECONDS = 0.05  # s; from one version in the shared memory to the next, while controls move


def journal_path() -> Path:
    """Return the file of the last show; it need not exist."""
    return user_folders.state("show.json")


def to_json(standing: Standing) -> str:
    """Return the text of ``standing``; `from_json` reads it back, bit for bit."""
    row: dict[str, Any] = {field.name: getattr(standing, field.name) for field in fields(Standing)}
    row["version"] = VERSION
    row["path"] = None if standing.path is None else str(standing.path)
    row["controls"] = differences(Controls(), replace(standing.controls, edges=(), commands=()))
    row["given"], row["params"] = dict(standing.given), dict(standing.params)
    return json.dumps(row)


def from_json(text: str) -> Standing:
    """Return what `to_json` has written; ValueError for anything else."""
    try:
        row = json.loads(text)
        if row.pop("version") != VERSION:
            raise ValueError("it is of another version")
        row["path"] = None if row["path"] is None else Path(row["path"])
        row["controls"] = changed(Controls(), row["controls"])
        row["routes"] = tuple(RouteStanding(*each) for each in row["routes"])
        row["phases"] = tuple(float(each) for each in row["phases"])
        row["given"], row["params"] = MappingProxyType(dict(row["given"])), MappingProxyType(dict(row["params"]))
        return Standing(**row)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def last_standing() -> Standing:
    """Return where the last show stood; UserError where none was kept, or its file is broken."""
    path = journal_path()
    if not path.exists():
        raise UserError(f"--resume: no show was kept in {path}: start without --resume")
    try:
        return from_json(read_text(path, "the journal of the last show"))
    except ValueError as error:
        raise UserError(f"--resume: {path} is broken ({error}): start without --resume") from error


class Journal:
    """Writes where a show stands. ``note`` is called after every frame and never waits."""

    def __init__(
        self,
        stand: Callable[[], Standing | None],
        notify: Callable[[str], None],
        path: Path,
        share: Callable[[str], None] | None = None,
    ) -> None:
        """``stand`` returns where the show stands, None while it has not begun.

        ``path`` is written every second.

        ``share`` is called with the text soon after every change of a control.
        """
        self._stand, self._notify, self._path, self._share = stand, notify, path, share
        self._noted, self._controls = float("-inf"), Controls()
        self._newest: Standing | None = None
        self._ready, self._stop = threading.Event(), threading.Event()
        self._written = float("-inf")
        self._told = False
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def note(self, controls: Controls) -> None:
        """Take where the show stands, if it is time for that."""
        now = time.monotonic()
        since = now - self._noted
        if since < SHARE_SECONDS or (since < WRITE_SECONDS and (self._share is None or not self._moved(controls))):
            return
        self._noted, self._controls = now, controls
        self._newest = self._stand()
        self._ready.set()

    def _moved(self, controls: Controls) -> bool:
        before = self._controls
        return (
            controls.values != before.values
            or controls.overrides != before.overrides
            or bool(controls.commands)
            or (controls.freeze, controls.blackout) != (before.freeze, before.blackout)
        )

    def close(self) -> None:
        """Write where the show stands at its end; a second call does nothing."""
        if self._stop.is_set():
            return
        self._newest = self._stand()
        self._stop.set()
        self._ready.set()
        self._thread.join(WRITE_SECONDS)  # a disk that hangs does not hold the show's end

    def _run(self) -> None:
        while True:
            self._ready.wait()
            self._ready.clear()
            last = self._stop.is_set()  # before `_newest` is read: what is written then is the show's end
            standing = self._newest
            if standing is not None:
                self._keep(to_json(standing), last)
            if last:
                return

    def _keep(self, text: str, last: bool) -> None:
        """Share ``text``; write it, too, where the file is a second old, and at the show's end always."""
        if self._share is not None:
            self._share(text)
        if not last and time.monotonic() - self._written < 0.9 * WRITE_SECONDS:
            return
        self._written = time.monotonic()
        try:
            user_folders.save(self._path, text)
            self._told = False
        except UserError as error:  # a full disk costs a line, once
            if not self._told:
                self._notify(f"{error}; the show goes on without its journal")
            self._told = True
