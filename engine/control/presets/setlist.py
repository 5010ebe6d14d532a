"""The evening: presets in their order, changed by cut or morph, on the beat, and read again when edited."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from engine.borders.cue import Cue
from engine.borders.errors import UserError
from engine.borders.params import Table
from engine.borders.preset import Preset
from engine.borders.tick import Tick
from engine.control.presets import preset as presets
from engine.control.routing.beat import Beat
from engine.control.toml.reader import TOP, Reader, Toml
from engine.system.files import beside, is_path, read_text

LOOK_SECONDS = 0.25  # s; from one look at the files to the next
RELOAD_SECONDS = 0.3  # s; the morph to an edited preset
BEATS_LIMIT = 4096.0  # beats or seconds; a number of a cue is no larger


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a setlist, a [[cues]] table of its file.

    ``morph`` is seconds, ``morph_beats`` beats; ``quantise`` waits for the next multiple of that many
    beats; ``after`` (seconds) goes on to the next entry by itself.
    """

    preset: str
    morph: float = 0.0
    morph_beats: float = 0.0
    quantise: float = 0.0
    after: float = 0.0
    place: str = ""  # where it is written, "FILE:LINE: in TABLE: "; empty for an entry of no file


def parse(text: str, path: Path) -> tuple[Entry, ...]:
    """Return the cues in ``text``; UserError names ``path``, the table and the key that is wrong."""
    reader = Reader(path, text)
    reader.check_keys(TOP, reader.document, ["name", "cues"])
    rows = reader.tables("cues")
    if not rows:
        raise reader.fail(TOP, "a setlist needs [[cues]] tables, at least one", "cues")
    return tuple(_entry(reader, f"[[cues]] number {i}", row) for i, row in enumerate(rows, 1))


def _entry(reader: Reader, where: str, row: Toml) -> Entry:
    reader.check_keys(where, row, [f.name for f in fields(Entry) if f.name != "place"])
    if "preset" not in row:
        raise reader.fail(where, "'preset' is missing", None)
    numbers = {key: reader.number(where, key, value) for key, value in row.items() if key != "preset"}
    for key, value in numbers.items():
        if not 0.0 <= value <= BEATS_LIMIT:
            raise reader.fail(where, f"{key} = {value:g} is outside 0 to {BEATS_LIMIT:g}", key)
    name = preset_of(reader.text(where, row, "preset", ""), reader.path)
    return Entry(name, **numbers, place=str(reader.fail(where, "", "preset")))


def preset_of(name: str, setlist: Path) -> str:
    """Return the preset that the file ``setlist`` names: a name as it is, a file by its whole path."""
    return str(beside(name, setlist)) if is_path(name) or name.endswith(".toml") else name


def find(entry: Entry, folders: Iterable[Path], table: Table) -> Preset:
    """Return the preset of ``entry``; UserError says in which line of the setlist it is asked for."""
    try:
        return presets.find(entry.preset, folders, table)
    except UserError as error:
        raise UserError(f"{entry.place}{error}") from error


class Setlist:
    """Says once a frame whether another preset begins. Broken files are told and change nothing."""

    def __init__(
        self,
        entries: tuple[Entry, ...],
        folders: Iterable[Path],
        table: Table,
        notify: Callable[[str], None],
        beat: Beat,
        path: Path | None = None,
    ) -> None:
        """``folders`` hold presets by name, ``beat`` counts the show's beats. UserError when a preset is wrong.

        ``table`` has the parameters that presets may name.

        ``path`` is the file that ``entries`` came from, None where there is none: it is read again when it is saved.
        """
        self._entries, self._table, self._notify, self._beat = entries, table, notify, beat
        self._folders, self._path, self._list_stamp = tuple(folders), path, _stamp(path)
        self._presets = [find(entry, self._folders, self._table) for entry in entries]
        self._stamps = [_stamp(preset.path) for preset in self._presets]
        self.index = 0
        self._wanted: int | None = None
        self._asked_at: float | None = None  # beats
        self._since: float | None = None  # seconds on the rig's clock
        self._looked = 0.0

    @property
    def preset(self) -> Preset:
        """Return the preset that plays."""
        return self._presets[self.index]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the cues' presets."""
        return tuple(preset.name for preset in self._presets)

    def begin_with(self, place: int, path: Path | None) -> None:
        """Begin with the cue whose preset is ``path``, the nearest to ``place``; else with the first."""
        places = [
            i for i, preset in enumerate(self._presets) if path and preset.path and preset.path.absolute() == path
        ]
        self.index = min(places, key=lambda each: abs(each - place), default=self.index)

    def next(self) -> None:
        """Ask for the next cue; after the last comes the first."""
        self._want((self.index if self._wanted is None else self._wanted) + 1)

    def previous(self) -> None:
        """Ask for the cue before."""
        self._want((self.index if self._wanted is None else self._wanted) - 1)

    def go(self, cue: int | str) -> None:
        """Ask for a cue by number, from 0, or by its preset's name; a cue that does not exist is told."""
        number = cue if isinstance(cue, int) else self.names.index(cue) if cue in self.names else -1
        if 0 <= number < len(self._entries):
            self._want(number)
        else:
            self._notify(f"no cue {cue!r}: cues are {', '.join(f'{i} {name}' for i, name in enumerate(self.names))}")

    def _want(self, index: int) -> None:
        self._wanted, self._asked_at = index % len(self._entries), None

    def poll(self, tick: Tick) -> Cue | None:
        """Return the cue that begins at ``tick``, if one does."""
        if self._since is None:
            self._since = tick.time
        entry = self._entries[self.index]
        if self._wanted is None and entry.after and tick.time - self._since >= entry.after and len(self._entries) > 1:
            self.next()
        if self._wanted is not None and self._due(self._entries[self._wanted]):
            return self._begin(self._wanted, tick)
        if tick.time - self._looked >= LOOK_SECONDS:
            self._looked = tick.time
            return self._look()
        return None

    def _due(self, entry: Entry) -> bool:
        """Return whether the wanted cue's beat has come."""
        if not entry.quantise:
            return True
        at = self._beat.position
        if self._asked_at is None:
            self._asked_at = at
        return math.floor(at / entry.quantise) > math.floor(self._asked_at / entry.quantise)

    def _begin(self, index: int, tick: Tick) -> Cue:
        entry = self._entries[index]
        self.index, self._wanted, self._since = index, None, tick.time
        # A preset that was edited while another one played counts from now.
        edited = self._read(index)
        if edited is not None:
            self._presets[index] = edited
        return Cue(self._presets[index], entry.morph or entry.morph_beats * 60.0 / self._beat.bpm)

    def _look(self) -> Cue | None:
        """Return the playing preset as edited, None where nobody edited it; take an edited setlist."""
        self._look_at_list()
        edited = self._read(self.index)
        if edited is None:
            return None
        self._presets[self.index] = edited
        self._notify(f"{edited.path}: read again")
        return Cue(edited, RELOAD_SECONDS)

    def _look_at_list(self) -> None:
        """Take an edited setlist; what plays goes on, from its place in the new list."""
        stamp = _stamp(self._path)
        if self._path is None or stamp is None or stamp == self._list_stamp:
            return
        self._list_stamp, playing = stamp, self.preset
        try:
            entries = load(self._path)
            found = [find(entry, self._folders, self._table) for entry in entries]
        except UserError as error:
            self._notify(f"{error}; the setlist before goes on")
            return
        self._entries, self._presets, self._wanted = entries, found, None
        self._stamps = [_stamp(preset.path) for preset in found]
        places = [i for i, preset in enumerate(found) if preset.path == playing.path]
        if places:
            self.index = min(places, key=lambda place: abs(place - self.index))
        else:  # the list no longer has what plays, which goes on until the next cue
            self.index = min(self.index, len(found) - 1)
        self._notify(f"{self._path}: read again, {len(found)} cues")

    def _read(self, index: int) -> Preset | None:
        """Return a preset whose file has changed and is right; tell what is wrong with a file otherwise."""
        path = self._presets[index].path
        stamp = _stamp(path)
        if path is None or stamp == self._stamps[index] or stamp is None:
            return None  # a file that is being replaced is gone for a moment
        self._stamps[index] = stamp
        try:
            return presets.load(path, self._table)
        except UserError as error:
            self._notify(f"{error}; the last good one plays on")
            return None


def load(path: Path) -> tuple[Entry, ...]:
    """Read a setlist file; UserError when it is unreadable or wrong."""
    return parse(read_text(path, "the setlist"), path)


def _stamp(path: Path | None) -> tuple[int, int] | None:
    """Return what changes when a file is written."""
    try:
        stat = path.stat() if path is not None else None
    except OSError:
        return None
    return (stat.st_mtime_ns, stat.st_size) if stat is not None else None
