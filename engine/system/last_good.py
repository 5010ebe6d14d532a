"""What the files of a supervised show held when they were last good.

A show that dies while somebody edits a preset comes back to a file that is half written. It reads what it played then,
and takes the file as it is now the way a running show does: when it has come to rest, and only if it is whole. Its
supervisor keeps the texts meanwhile (engine/system/watch.py). Without a supervisor this reads files, and no more.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from engine.borders.errors import UserError
from engine.system.files import is_file, read_text


class LastGood:
    """The texts of the files that a show may read again, by their paths."""

    def __init__(self) -> None:
        self._kept = False  # whether somebody keeps the texts
        self._before: dict[str, str] = {}  # what was good when the show died
        self._instead: set[str] = set()  # files that hold something else now; what was good is read instead
        self._read: dict[str, str] = {}  # what was read last
        self._good: dict[str, str] = {}
        self._changed = False

    def begin(self, before: str = "") -> None:
        """Have what is good kept from now on. ``before`` is what `changed` returned last before the show died."""
        self._kept = True
        try:
            self._before = {str(path): str(text) for path, text in json.loads(before or "{}").items()}
        except (ValueError, AttributeError):  # it died while it was written
            self._before = {}
        self._good, self._changed = dict(self._before), False

    def read(self, path: Path, what: str) -> str:
        """Return the text of ``path``, or what was good of it before the show died, until `take`.

        Raises UserError as `read_text` does.
        """
        key = os.path.abspath(path)
        good = self._before.get(key)
        try:
            text = read_text(path, what)
        except UserError:
            if good is None:
                raise
            text = ""
        if good is not None and text != good:
            self._instead.add(key)
            text = good
        if self._kept:
            self._read[key] = text
        return text

    def take(self, path: Path) -> None:
        """Read ``path`` as it is from now on."""
        key = os.path.abspath(path)
        self._before.pop(key, None)
        self._instead.discard(key)

    def instead(self, path: Path) -> bool:
        """Return whether something else than what the file holds was read of it."""
        return os.path.abspath(path) in self._instead

    def proven(self, path: Path) -> bool:
        """Return whether what was read of ``path`` has played before the show died."""
        key = os.path.abspath(path)
        return key in self._before and self._read.get(key) == self._before[key]

    def at_hand(self, path: Path) -> bool:
        """Return whether there is such a file, or was when the show died."""
        return is_file(path) or self.before(path) is not None

    def files(self, folder: Path, pattern: str) -> tuple[Path, ...]:
        """Return the files of ``folder`` by a pattern as of `glob`: sorted, those that are `missing` last."""
        return (*sorted(folder.glob(pattern)), *self.missing(folder, pattern))

    def missing(self, folder: Path, pattern: str = "*") -> tuple[Path, ...]:
        """Return the files of ``folder`` that were good when the show died and are gone, by a pattern as of `glob`.

        They are what `Path.glob` does not find; a pattern without a folder means files of ``folder`` itself.
        """
        whole = Path(os.path.abspath(folder))
        names = (Path(key).relative_to(whole) for key in self._before if Path(key).is_relative_to(whole))
        fits = (each for each in names if each.match(pattern) and ("/" in pattern or len(each.parts) == 1))
        return tuple(sorted(folder / each for each in fits if not os.path.lexists(folder / each)))

    def before(self, path: Path) -> str | None:
        """Return what was good of ``path`` when the show died, until `take`; None where nothing was."""
        return self._before.get(os.path.abspath(path))

    def good(self, path: Path, text: str | None = None) -> None:
        """Keep ``text``, or what was read last of ``path``: the show plays it."""
        key = os.path.abspath(path)
        text = self._read.get(key) if text is None else text
        if self._kept and text is not None and self._good.get(key) != text:
            self._good[key], self._changed = text, True

    def changed(self) -> str | None:
        """Return what is good, in JSON; None where that is as it was when this was asked last. Any thread may ask."""
        if not self._changed:
            return None
        self._changed = False
        return json.dumps(dict(self._good))


last_good = LastGood()  # of this process
