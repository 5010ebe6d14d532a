"""The evening: presets in their order, changed by cut or morph, on the beat, and read again when edited."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from engine.borders.cue import Cue
from engine.borders.errors import Trouble, UserError, nearest
from engine.borders.params import Table
from engine.borders.preset import ISF, Preset
from engine.borders.tick import Tick
from engine.borders.timecode import Mark, Timecode, parse_mark
from engine.control.presets import preset as presets
from engine.control.presets.isf import isf_of
from engine.control.presets.listing import listed
from engine.control.routing.beat import Beat
from engine.control.toml.reader import TOP, Reader, Toml
from engine.system.files import beside, is_path
from engine.system.last_good import last_good
from engine.system.watched_file import WatchedFile, is_open_for_writing, stamp

LOOK_SECONDS = 0.25  # s; from one look at the files to the next
RELOAD_SECONDS = 0.3  # s; the morph to an edited preset
SOON = 1e-6  # s; a sum of frames may miss a cue's time by this rounding error
NUMBERS = ("morph", "morph_beats", "quantise", "after")  # keys of a cue
BEATS_LIMIT = 4096.0  # beats or seconds; a number of a cue is no larger


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a setlist, a [[cues]] table of its file.

    ``morph`` is seconds, ``morph_beats`` beats; ``quantise`` waits for the next multiple of that many
    beats; ``after`` (seconds) goes on to the next entry by itself; ``at`` is the timecode at which it begins.
    ``transition`` is an ISF shader, see Cue.
    """

    preset: str
    morph: float = 0.0
    morph_beats: float = 0.0
    quantise: float = 0.0
    after: float = 0.0
    transition: str = ""
    at: Mark | None = None
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
    numbers = {key: reader.number(where, key, row[key]) for key in NUMBERS if key in row}
    for key, value in numbers.items():
        if not 0.0 <= value <= BEATS_LIMIT:
            raise reader.fail(where, f"{key} = {value:g} is outside 0 to {BEATS_LIMIT:g}", key)
    name = preset_of(reader.text(where, row, "preset", ""), reader.path)
    at = None
    if "at" in row:
        written = row["at"]
        at = parse_mark(written if isinstance(written, str) else f"{reader.number(where, 'at', written):.6f}")
        if at is None:
            raise reader.fail(where, f"at = {written!r} is no time: write '01:02:03:04', '1:02:03.5' or seconds", "at")
    transition = reader.text(where, row, "transition", "")
    if transition and not transition.startswith(ISF):
        raise reader.fail(where, f"transition = {transition!r} is no ISF file: write '{ISF}NAME.fs'", "transition")
    if transition and not (numbers.get("morph") or numbers.get("morph_beats")):
        raise reader.fail(where, "a transition takes time: say how long with morph or morph_beats", "transition")
    transition = isf_of(transition, reader.path) if transition else ""
    return Entry(name, **numbers, transition=transition, at=at, place=str(reader.fail(where, "", "preset")))


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
        begin: int | None = None,
        timecode: Callable[[Tick], Timecode | None] | None = None,
    ) -> None:
        """``folders`` hold presets by name, ``beat`` counts the show's beats. UserError when a preset is wrong.

        ``table`` has the parameters that presets may name. ``timecode`` says where the show's clock is: cues that stand
        at times begin by it.

        ``path`` is the file that ``entries`` came from, None where there is none: it is read again when it is saved.
        Without it ``begin`` is the cue that begins: its preset alone is read now, every other one when it begins. Files
        that come into ``folders`` are cues from then on.
        """
        self._entries, self._table, self._notify, self._beat = entries, table, notify, beat
        self._folders, self._list_file = tuple(folders), WatchedFile(path)
        self._presets = [
            presets.unread(entry.preset, self._folders)
            if begin not in (None, at)
            else find(entry, self._folders, self._table)
            for at, entry in enumerate(entries)
        ]
        self._files = [WatchedFile(preset.path, not _is_unread(preset)) for preset in self._presets]
        self._keep(path, self._presets)
        self._grows, self._folder_stamps = begin is not None, [stamp(folder) for folder in self._folders]
        self._listed = len(entries)  # cues; those after them are guests, asked for by name beside the setlist
        self.index = self._place = begin or 0  # what plays, and the last cue of the list that did
        self._wanted: int | None = None
        self._asked_at: float | None = None  # beats
        self._since: float | None = None  # seconds on the rig's clock
        self._looked = 0.0
        self._timecode = timecode
        self._code: Timecode | None = None  # where timecode is
        self._timed: int | None = None  # the last cue that began by timecode

    @staticmethod
    def _keep(path: Path | None, found: Iterable[Preset]) -> None:
        """Have the setlist at ``path`` and the presets that were read kept, for a show that comes back."""
        if path is not None:
            last_good.good(path)
        for preset in found:
            if preset.path is not None and not _is_unread(preset):
                last_good.good(preset.path, preset.text)

    @property
    def preset(self) -> Preset:
        """Return the preset that plays."""
        return self._presets[self.index]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the cues' presets."""
        return tuple(preset.name for preset in self._presets[: self._listed])

    @property
    def cues(self) -> tuple[tuple[str, Path | None], ...]:
        """Return the name and the file of every cue's preset; where a guest plays it is the last one."""
        shown = [*self._presets[: self._listed], *([self.preset] if self.index >= self._listed else ())]
        return tuple((preset.name, preset.path) for preset in shown)

    @property
    def transitions(self) -> tuple[str, ...]:
        """Return the ISF shaders that lead from cue to cue, each once."""
        return tuple(dict.fromkeys(entry.transition for entry in self._entries if entry.transition))

    def at_hand(self) -> tuple[str, ...]:
        """Return the names that `go` takes: the cues, then every other preset."""
        return tuple(dict.fromkeys((*self.names, *listed(self._folders))))

    def goes_on_in(self, time: float) -> float | None:
        """Return the seconds from ``time`` until the next cue begins by itself; None where it waits."""
        if (seconds := self._next_timed()) is not None:
            return seconds
        after = self._entries[self.index].after
        if not after or self._listed < 2 or self._since is None or self._wanted is not None:
            return None
        return max(0.0, self._since + after - time)

    @property
    def wanted(self) -> int | None:
        """Return the cue that is asked for and waits for its beat."""
        return self._wanted

    def begin_with(self, place: int, path: Path | None) -> None:
        """Begin with the cue whose preset is ``path``, the nearest to ``place``.

        A preset of no cue is a guest; without a file the first cue begins.
        """
        places = [
            i for i, preset in enumerate(self._presets) if path and preset.path and preset.path.absolute() == path
        ]
        if not places and path is not None and last_good.at_hand(path):
            self._add(Entry(str(path), after=self._entries[self._place].after))
            places = [len(self._entries) - 1]
        self.index = min(places, key=lambda each: abs(each - place), default=self.index)
        if _is_unread(self.preset):
            self._presets[self.index] = find(self._entries[self.index], self._folders, self._table)
            self._files[self.index] = WatchedFile(self.preset.path)
        if self.index < self._listed:
            self._place = self.index

    def next(self) -> None:
        """Ask for the next cue; after the last comes the first."""
        self._step(1)

    def previous(self) -> None:
        """Ask for the cue before."""
        self._step(-1)

    def go(self, cue: int | str) -> None:
        """Ask for a cue by number, from 0, or for any preset by name; what does not exist is told.

        A preset that is no cue of the setlist is a guest: the next cue is the one after the last that played.
        """
        number = cue if isinstance(cue, int) else self._number(cue)
        if 0 <= number < (self._listed if isinstance(cue, int) else len(self._entries)):
            self._wanted, self._asked_at = number, None
            return
        if isinstance(cue, str):
            self._notify(Trouble(f"no preset {cue!r}; {nearest(cue, self.at_hand())}"))
        else:
            every = ", ".join(f"{i} {name}" for i, name in enumerate(self.names))
            self._notify(Trouble(f"no cue {cue!r}: cues are {every}"))

    def _number(self, name: str) -> int:
        """Return the number of the cue whose preset is called ``name``, a guest's included; -1: there is none."""
        for at, preset in enumerate(self._presets):
            if name in (preset.name, preset.path.stem if preset.path else None):
                return at
        if name not in listed(self._folders):
            return -1
        entry = Entry(name, after=self._entries[self._place].after)
        self._add(entry)
        return len(self._entries) - 1

    def _step(self, by: int) -> None:
        at = self.index if self._wanted is None else self._wanted
        self._wanted, self._asked_at = ((at if at < self._listed else self._place) + by) % self._listed, None

    def _add(self, entry: Entry) -> None:
        """Have one more cue, whose preset is not read yet."""
        self._entries = (*self._entries, entry)
        self._presets.append(presets.unread(entry.preset, self._folders))
        self._files.append(WatchedFile(self._presets[-1].path, read=False))

    def poll(self, tick: Tick) -> Cue | None:
        """Return the cue that begins at ``tick``, if one does."""
        if self._since is None:
            self._since = tick.time
        self._follow(tick)
        if self.goes_on_in(tick.time) == 0.0:
            self.next()
        if self._wanted is not None and self._due(self._entries[self._wanted]):
            return self._begin(self._wanted, tick)
        if tick.time - self._looked >= LOOK_SECONDS:
            self._looked = tick.time
            return self._look(tick.time)
        return None

    def _follow(self, tick: Tick) -> None:
        """Ask for the cue whose time has come, or whose time the show's clock has jumped to."""
        code = self._code = None if self._timecode is None else self._timecode(tick)
        timed = None if code is None else _timed(self._entries, code)
        if timed is not None and timed != self._timed and timed != self.index:
            self._wanted, self._asked_at = timed, None
        self._timed = timed

    def _next_timed(self) -> float | None:
        """Return the seconds until timecode brings the next cue, None where it brings none."""
        code = self._code
        if code is None or code.state == "stands":
            return None
        times = [entry.at.position(code.rate) - code.position for entry in self._entries if entry.at is not None]
        return min((seconds for seconds in times if seconds > 0.0), default=None)

    def _due(self, entry: Entry) -> bool:
        """Return whether the wanted cue's beat has come."""
        if not entry.quantise:
            return True
        at = self._beat.position
        if self._asked_at is None or at < self._asked_at:  # a clock or a session that joins counts from elsewhere
            self._asked_at = at
        return math.floor(at / entry.quantise) > math.floor(self._asked_at / entry.quantise)

    def _begin(self, index: int, tick: Tick) -> Cue | None:
        entry, file = self._entries[index], self._files[index]
        unread = _is_unread(self._presets[index])
        if unread and file.path is not None and is_open_for_writing(file.path):
            return None  # it begins when it is whole
        self._wanted = None
        # A preset that was edited while another one played counts from now, if the file has come to rest.
        edited = self._read(index) if unread or file.saved(tick.time) else None
        if edited is not None:
            self._presets[index] = edited
        elif unread:  # what is wrong is told, but for a file that is gone
            self._files[index] = WatchedFile(file.path, read=False)
            if file.gone:
                self._notify(Trouble(f"{file.path}: this preset is gone; the one before plays on"))
            return None
        self.index, self._since = index, tick.time
        if index < self._listed:
            self._place = index
        return Cue(self._presets[index], entry.morph or entry.morph_beats * 60.0 / self._beat.bpm, entry.transition)

    def _look(self, time: float) -> Cue | None:
        """Return the playing preset as edited, None where nobody edited it; take an edited setlist."""
        self._look_at_list(time)
        self._look_at_folders()
        edited = self._read(self.index) if self._files[self.index].saved(time) else None
        if edited is None:
            return None
        self._presets[self.index] = edited
        self._notify(f"{edited.path}: read again")
        return Cue(edited, RELOAD_SECONDS)

    def _look_at_list(self, time: float) -> None:
        """Take an edited setlist; what plays goes on, from its place in the new list."""
        file, playing = self._list_file, self.preset
        if file.path is None or not file.saved(time):
            return
        file.take()
        try:
            entries = load(file.path)
            found = [find(entry, self._folders, self._table) for entry in entries]
        except UserError as error:
            self._notify(Trouble(f"{error}; the setlist before goes on"))
            return
        self._keep(file.path, (preset for preset in found if preset.path != playing.path))
        watched = self._files[self.index]  # if that file was edited, too, it is still to be played
        self._entries, self._presets, self._wanted = entries, found, None
        self._files = [watched if preset.path == watched.path else WatchedFile(preset.path) for preset in found]
        self._listed = len(found)
        self._timed = None if self._code is None else _timed(entries, self._code)
        places = [i for i, preset in enumerate(found) if preset.path == playing.path]
        if places:
            self.index = min(places, key=lambda place: abs(place - self.index))
        else:  # the list no longer has what plays, which goes on until the next cue
            self.index = min(self._place, len(found) - 1)
        self._place = self.index
        self._notify(f"{file.path}: read again, {len(found)} cues")

    def _look_at_folders(self) -> None:
        """Without a setlist, have the presets as cues that were saved in this show."""
        stamps = [stamp(folder) for folder in self._folders]
        if not self._grows or stamps == self._folder_stamps:
            return
        self._folder_stamps = stamps
        known = {preset.path.stem for preset in self._presets if preset.path is not None}
        for name in listed(self._folders):
            if name not in known:
                self._add(Entry(name))
        self._listed = len(self._entries)

    def _read(self, index: int) -> Preset | None:
        """Return a preset as its file says now; tell what is wrong with the file, and return None."""
        file = self._files[index]
        file.take()
        if file.path is None or file.gone:
            return None
        try:
            return presets.load(file.path, self._table)
        except UserError as error:
            self._notify(Trouble(f"{error}; the last good one plays on"))
            return None


def _timed(entries: Iterable[Entry], code: Timecode) -> int | None:
    """Return the cue that timecode is in: the latest that stands at its position or before."""
    times = [
        (at, number) for number, entry in enumerate(entries)
        if entry.at is not None and (at := entry.at.position(code.rate)) <= code.position + SOON
    ]  # fmt: skip
    return max(times)[1] if times else None


def _is_unread(preset: Preset) -> bool:
    return not preset.text


def load(path: Path) -> tuple[Entry, ...]:
    """Read a setlist file; UserError when it is unreadable or wrong."""
    return parse(last_good.read(path, "the setlist"), path)
