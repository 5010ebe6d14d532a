"""The memory that a show shares with its supervisor: a beat a frame, where the show stands, and a picture a second.

It outlives the show: the next process finds in it where the last one stood. What is longer than a number has two
slots, of which one is complete at any time. Imported from here: the standard library and one border.
"""

from __future__ import annotations

import contextlib
import functools
import mmap
import os
import struct
from dataclasses import dataclass
from typing import Any

from engine.borders.place import Place

VARIABLE = "LATENTVJ_WATCH"  # in the environment of a supervised show: the memory's file descriptor
MAX_SIDE = 512  # pixels; of the picture that the supervisor holds
_TEXT, _PICTURE, _FILES = 1 << 19, MAX_SIDE * MAX_SIDE * 4, 1 << 23  # bytes; of a slot
_BEAT, _BEAT_AT = struct.Struct("<Q5d"), 0
_CODE, _CODE_AT = struct.Struct("<i"), 64
_LIFE, _LIFE_AT = struct.Struct("<II"), 72  # number, and how long the line is
_KEPT, _KEPT_AT = struct.Struct("<II"), 96  # slot, length
_HELD, _HELD_AT = struct.Struct("<IIII"), 112  # number, slot, width, height
_PLACE, _PLACE_AT = struct.Struct("<4i?"), 128  # left, top, width, height, whether it fills the display
_CURTAIN_AT = 160  # flags, a byte each
_GOOD_AT = 176  # slot, length
_WHY_AT, _WHY = 1024, 1024  # bytes
_TEXT_AT = 4096
_PICTURE_AT = _TEXT_AT + 2 * _TEXT
_FILES_AT = _PICTURE_AT + 2 * _PICTURE
SIZE = _FILES_AT + 2 * _FILES  # bytes; of the memory; what is not written takes none
RUNNING = -1  # in place of an exit code
# Flags: the curtain is up; the show's picture is away; the performer wants to leave; the next show reads its files as
# they are now, because the one before could not begin with the texts that were kept.
UP, AWAY, LEAVE, AS_THEY_ARE = range(4)


@dataclass(frozen=True, slots=True)
class Beat:
    """What a show tells after every frame."""

    frames: int  # of all its processes
    mono: float  # monotonic seconds at which it was presented
    time: float  # seconds on the show's clock
    phases: tuple[float, float]  # of the path's travellers
    beats: float  # since the show's start


class Watch:
    """The memory, from either side."""

    def __init__(self, fd: int) -> None:
        """``fd`` is a descriptor of SIZE bytes of memory."""
        self.fd = fd
        self._memory = mmap.mmap(fd, SIZE)

    @classmethod
    def make(cls) -> Watch:
        """Return new memory."""
        fd = os.memfd_create("latentvj")
        os.ftruncate(fd, SIZE)
        return cls(fd)

    @property
    def beat(self) -> Beat:
        """The newest frame's beat."""
        frames, mono, time, first, second, beats = self._get(_BEAT, _BEAT_AT)
        return Beat(frames, mono, time, (first, second), beats)

    def tell(self, beat: Beat) -> None:
        """Tell of a frame."""
        self._put(_BEAT_AT, _BEAT.pack(beat.frames, beat.mono, beat.time, *beat.phases, beat.beats))

    @property
    def code(self) -> int:
        """The exit code with which the show ends; RUNNING while it has none."""
        return int(self._get(_CODE, _CODE_AT)[0])

    def end(self, code: int) -> None:
        """Tell with which exit code the show ends."""
        self._put(_CODE_AT, _CODE.pack(code))

    def begin(self, life: int, why: str) -> None:
        """Begin the show's process number ``life``, from 0; ``why`` says what ended the one before."""
        line = why.encode()[:_WHY]
        self._memory[_WHY_AT : _WHY_AT + len(line)] = line
        self._put(_LIFE_AT, _LIFE.pack(life, len(line)))
        self.end(RUNNING)

    @property
    def life(self) -> tuple[int, str]:
        """The number of the show's process, and what ended the one before."""
        life, length = self._get(_LIFE, _LIFE_AT)
        return life, self._memory[_WHY_AT : _WHY_AT + length].decode(errors="replace")

    def keep(self, text: str) -> None:
        """Keep where the show stands."""
        if len(text.encode()) <= _TEXT:
            self._put_text(text.encode(), _KEPT_AT, _TEXT_AT, _TEXT)

    @property
    def kept(self) -> str:
        """What was kept last; empty where nothing was."""
        return self._text(_KEPT_AT, _TEXT_AT, _TEXT)

    def keep_files(self, text: str) -> None:
        """Keep what the show's files held when they were good; more than there is room for is not kept."""
        data = text.encode()
        self._put_text(data if len(data) <= _FILES else b"", _GOOD_AT, _FILES_AT, _FILES)

    @property
    def files(self) -> str:
        """What `keep_files` kept last; empty where nothing was, or the show did not begin with it."""
        return "" if self.flag(AS_THEY_ARE) else self._text(_GOOD_AT, _FILES_AT, _FILES)

    def _put(self, at: int, packed: bytes) -> None:
        """Write what is packed, in one go: every number in it is the old or the new one at any time.

        `pack_into` writes zeros first: a supervisor that looked between took a show that plays for one that hangs,
        because it had its last frame at 0 s, and what is kept was gone of a show that was killed between.
        """
        self._memory[at : at + len(packed)] = packed

    def _get(self, form: struct.Struct, at: int) -> tuple[Any, ...]:
        """Read it likewise: `unpack_from` takes a whole number byte by byte."""
        return form.unpack(self._memory[at : at + form.size])

    def _put_text(self, data: bytes, header: int, at: int, size: int) -> None:
        slot = 1 - self._get(_KEPT, header)[0]
        start = at + slot * size
        self._memory[start : start + len(data)] = data
        self._put(header, _KEPT.pack(slot, len(data)))

    def _text(self, header: int, at: int, size: int) -> str:
        slot, length = self._get(_KEPT, header)
        start = at + slot * size
        return self._memory[start : start + length].decode(errors="replace")

    def forget(self) -> None:
        """Forget where the show stands, and what its files held."""
        self._put(_KEPT_AT, _KEPT.pack(0, 0))
        self._put(_GOOD_AT, _KEPT.pack(0, 0))

    def hold(self, size: tuple[int, int], pixels: bytes) -> None:
        """Hold a picture: RGBA, its lower row first, no side above MAX_SIDE."""
        number, slot, _, _ = self._get(_HELD, _HELD_AT)
        start = _PICTURE_AT + (1 - slot) * _PICTURE
        self._memory[start : start + len(pixels)] = pixels
        self._put(_HELD_AT, _HELD.pack(number + 1, 1 - slot, *size))

    @property
    def held(self) -> tuple[int, tuple[int, int], bytes]:
        """The number, the size and the pixels of the picture that is held; number 0: there is none yet."""
        number, slot, width, height = self._get(_HELD, _HELD_AT)
        start = _PICTURE_AT + slot * _PICTURE
        return number, (width, height), self._memory[start : start + width * height * 4]

    @property
    def held_number(self) -> int:
        """The number of the picture that is held, without its pixels."""
        return int(self._get(_HELD, _HELD_AT)[0])

    def put(self, place: Place) -> None:
        """Tell where the show's window lies."""
        self._put(_PLACE_AT, _PLACE.pack(place.left, place.top, place.width, place.height, place.full))

    @property
    def place(self) -> Place | None:
        """Where the show's window lay last; None where it never told."""
        place = Place(*self._get(_PLACE, _PLACE_AT))
        return place if place.width else None

    def flag(self, which: int) -> bool:
        """Return whether one of UP, AWAY, LEAVE is set."""
        return bool(self._memory[_CURTAIN_AT + which])

    def set_flag(self, which: int, on: bool) -> None:
        """Set one of UP, AWAY, LEAVE."""
        self._memory[_CURTAIN_AT + which] = on


def life_of(watch: Watch | None) -> int:
    """Return how many processes of this show have died."""
    return 0 if watch is None else watch.life[0]


@functools.cache
def attached() -> Watch | None:
    """Return the memory of the supervisor that has started this process; None where none has."""
    number = os.environ.pop(VARIABLE, "")  # for this process, not for the programs that it starts
    with contextlib.suppress(OSError, ValueError):
        return Watch(int(number))
    return None
