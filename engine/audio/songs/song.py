"""Songs: the samples of a sound file."""

from __future__ import annotations

import contextlib
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.audio.songs.decoder import Decoder
from engine.audio.songs.long_song import LongSong
from engine.borders import sound
from engine.borders.errors import UserError
from engine.borders.sound import Samples

SHORT_SECONDS = 600.0  # s; a song up to this is held in memory (220 MB), a longer one is decoded as it plays
MAX_DAMAGE = 0.5  # of a file's packets; with more broken ones the file is refused
JUDGED = 1 << 18  # samples; the beginning of a long song by which it is refused


@dataclass(frozen=True, slots=True)
class Song:
    """A song in memory: ``samples`` float32 [n, channels], one or two channels, nominally -1..1."""

    path: Path
    samples: Samples
    samplerate: int  # Hz, 44100 or 48000
    damaged: int = 0  # packets that do not decode and are left out
    layout: tuple[str, int] = ("", 0)  # the file's: its name, and how many channels it has

    @property
    def duration(self) -> float:
        """Return the length in seconds."""
        return len(self.samples) / self.samplerate

    @property
    def channels(self) -> int:
        """Return the number of channels, 1 or 2."""
        return int(self.samples.shape[1])

    def read(self, begin: int, end: int) -> Samples:
        """Return the samples from ``begin`` to ``end`` (not included), float32 [n, channels], fewer at the end."""
        return self.samples[max(0, begin) : max(0, end)]

    def measure(self) -> None:
        """Do nothing: ``duration`` is exact."""

    def mono(self) -> NDArray[np.float32]:
        """Return the mean of the channels, float32 [n]."""
        return sound.mono(self.samples)


AnySong: TypeAlias = Song | LongSong

_preloaded: dict[Path, Future[AnySong]] = {}  # songs that `load_ahead` is reading or has read


def load_ahead(path: str | Path) -> None:
    """Read a song in the calling thread; the next `load` of the same path returns it or raises its error."""
    future = _preloaded[Path(path)] = Future[AnySong]()
    try:
        future.set_result(_load(Path(path)))
    except BaseException as error:  # noqa: BLE001 - `load` raises it, in the thread that can report it
        future.set_exception(error)


def load(path: str | Path) -> AnySong:
    """Return the first audio stream of any file that FFmpeg reads: decoded, or as it is read where it is long.

    Damaged packets are left out if they are fewer than MAX_DAMAGE. Raises UserError, which names the file, when
    there is nothing to play.
    """
    future = _preloaded.pop(Path(path), None)
    return _load(Path(path)) if future is None else future.result()


def whole(path: str | Path) -> Song:
    """Return a song in memory, however long it is."""
    found = load(path)
    return found if isinstance(found, Song) else _held(found.path, None)


def _load(path: Path) -> AnySong:
    _refuse_unplayable(path)
    if not path.is_file():  # a pipe can be opened once only
        return _held(path, None)
    with contextlib.suppress(_TooLong):
        return _held(path, SHORT_SECONDS)
    song = LongSong(path)
    _judge(path, len(song.read(0, JUDGED)), song.packets, song.damaged)
    return song


class _TooLong(Exception):
    """The song is longer than what may be held in memory."""


def _held(path: Path, most: float | None) -> Song:
    """Return a song in memory. Raises _TooLong when it is longer than ``most`` seconds."""
    decoder = Decoder(path)
    with contextlib.closing(decoder):
        blocks: list[Samples] = []
        length, limit = 0, None if most is None else round(most * decoder.samplerate)
        if most is not None and (decoder.estimate or 0.0) > most:
            raise _TooLong
        for block in decoder.blocks():
            blocks.append(block)
            length += len(block)
            if limit is not None and length > limit:
                raise _TooLong
    _judge(path, length, decoder.packets, decoder.damaged)
    samples = np.concatenate(blocks)
    return Song(path, samples, decoder.samplerate, decoder.damaged, (decoder.layout, decoder.layout_channels))


def _judge(path: Path, length: int, packets: int, damaged: int) -> None:
    """Raise UserError where too few of a song's packets decode."""
    if packets and damaged / packets > MAX_DAMAGE:
        raise UserError(f"{path}: too damaged, {damaged} of {packets} packets do not decode; use another copy of it")
    if length == 0:
        raise UserError(f"{path}: no sound could be decoded, the file is empty or cut off; use another copy of it")


def remarks(song: AnySong) -> list[str]:
    """Return what a performer should know of a song, a line each."""
    lines: list[str] = []
    name, channels = song.layout
    if channels > 2:
        lines.append(f"{song.path.name}: {channels} channels ({name}) are mixed to two, quieter, so that nothing clips")
    if song.damaged:
        lines.append(f"{song.path.name}: {song.damaged} packets do not decode and are left out; use another copy of it")
    return lines


def _refuse_unplayable(path: Path) -> None:
    """Raise UserError for a path that is no readable file with bytes in it."""
    try:
        if path.is_dir():
            raise UserError(f"{path}: is a folder; name one sound file in it")
        if not path.exists():
            raise UserError(f"{path}: no such file; check the spelling and the folder")
        if path.is_file() and path.stat().st_size == 0:
            raise UserError(f"{path}: is empty (0 bytes); copy or download it again")
        if path.is_file():
            path.open("rb").close()
    except (OSError, ValueError) as error:
        reason = ((error.strerror if isinstance(error, OSError) else None) or str(error)).lower()
        raise UserError(f"{path}: cannot be read ({reason}); check its name and permissions") from error
