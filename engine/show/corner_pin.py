"""The corners of the wall's picture, as the performer has dragged them: kept for each display, for every show there."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path

from engine.borders.errors import Trouble, UserError
from engine.borders.params import Params, Table
from engine.system import user_folders
from engine.system.files import decoded

FILE = "corners.json"
PREFIX = "pin."
AMOUNT = f"{PREFIX}amount"
# Corners by name, and where each is at rest: shares of the wall from the lower left.
CORNERS: Mapping[str, tuple[float, float]] = {
    "top_left": (0.0, 1.0),
    "top_right": (1.0, 1.0),
    "bottom_left": (0.0, 0.0),
    "bottom_right": (1.0, 0.0),
}
LOOK_EVERY = 30  # pictures from one look for the display to the next
HEADLESS = "headless"  # the display of a show without one


class CornerPin:
    """What is kept of one display, under what OSC, MIDI, routes and presets say."""

    def __init__(
        self, table: Table, display: Callable[[], str], notify: Callable[[str], None], file: Path | None = None
    ) -> None:
        """``table`` has the rows of the pass pin, ``display`` is the name of the one that shows the wall now."""
        self._table, self._display, self._notify = table, display, notify
        self._file = file or user_folders.folder(FILE)
        self._every = _read(self._file)
        self._known = ""
        self._kept: dict[str, float] = {}
        self.editing = False
        self._asked = 0
        self._look()

    def _look(self) -> None:
        """Take up what is kept of the display; the window may have gone to another."""
        name = self._display() or HEADLESS
        if name != self._known:
            self._known = name
            rows = self._every.get(name, {})
            self._kept = {key: self._table[key].clamp(value) for key, value in rows.items() if key in self._table}

    @property
    def on(self) -> bool:
        """Whether anything is kept of this display."""
        return bool(self._kept)

    def values(self, params: Params) -> Params:
        """Return ``params`` with what is kept, where nothing else has moved a row of the pass."""
        self._asked += 1
        if self._asked % LOOK_EVERY == 0:
            self._look()
        if not self._kept:
            return params
        table = params.table
        rest = {key: value for key, value in self._kept.items() if key in table and params[key] == table[key].default}
        return params.placed(rest) if rest else params

    def places(self, params: Params) -> dict[str, tuple[float, float]]:
        """Return where each corner is on the wall: shares from its lower left."""
        now = self.values(params)
        return {name: (x + now[f"{PREFIX}{name}_x"], y + now[f"{PREFIX}{name}_y"]) for name, (x, y) in CORNERS.items()}

    def drag(self, corner: str, x: float, y: float) -> None:
        """Put a corner there: shares of the wall from its lower left."""
        if corner in CORNERS and math.isfinite(x) and math.isfinite(y):
            rest = CORNERS[corner]
            self.set(f"{PREFIX}{corner}_x", x - rest[0])
            self.set(f"{PREFIX}{corner}_y", y - rest[1])

    def set(self, name: str, value: float | None) -> None:
        """Keep a value of the pass; None: as it was made."""
        if name not in self._table:
            return
        self._look()
        if value is None:
            self._kept.pop(name, None)
        else:
            self._kept[name] = round(self._table[name].clamp(value), 5)
            if name != AMOUNT:
                self._kept.setdefault(AMOUNT, 1.0)

    def toggle(self, _moment: object = None) -> None:
        """Show the corners to be dragged in the operator's window, or leave them; what was dragged is kept then."""
        self.editing = not self.editing
        if not self.editing:
            self.save()

    def reset(self, _moment: object = None) -> None:
        """Put the picture back as it was made, on this display."""
        self._look()
        self._kept.clear()
        self.save()

    def save(self) -> None:
        """Write what is kept, whole or not at all; where that fails a line tells."""
        before = self._every.get(self._known, {})
        if self._kept == before:
            return
        self._every = {**_read(self._file), self._known: dict(self._kept)}
        if not self._kept:
            del self._every[self._known]
        try:
            user_folders.save(self._file, json.dumps(self._every, indent=2) + "\n")
        except UserError as error:
            self._notify(Trouble(f"{error}; the corners are kept until the show ends"))


def _read(file: Path) -> dict[str, dict[str, float]]:
    """Return what is kept by display; nothing where the file is not there, or was broken by hand."""
    try:
        found = json.loads(decoded(file.read_bytes()))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        display: {
            key: float(value)
            for key, value in rows.items()
            if isinstance(value, (int, float)) and math.isfinite(value) and not isinstance(value, bool)
        }
        for display, rows in found.items()
        if isinstance(rows, dict)
    }
