"""What is heard in a song, hop by hop: kept for the next process that hears it, which hears on from there.

A song's folder in the user's cache has a file for each piece of it. It holds the features of the piece's hops, and what
the analyser knows at its end. The folder's name tells all that features depend on, so they are the same to the bit.
Without a writable folder everything works, but more slowly. `LATENTVJ_CACHE` names another place.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import aubio
import av
import numpy as np
from numpy.typing import NDArray

from engine.audio.hearing.analyser import HOP_LENGTH, Analyser
from engine.audio.hearing.known import Array
from engine.audio.songs.song import AnySong
from engine.borders.errors import UserError
from engine.borders.features import BANDS, AudioFeatures, Onset
from engine.borders.sound import mono
from engine.system.compiled import processor
from engine.system.files import fingerprint, write_whole
from engine.system.user_folders import cache

PIECE = 1024  # hops; 6 s
BLOCK = 128  # hops; read from the song at once
MOST = 256 << 20  # bytes of all songs in the cache; the oldest ones are removed
TOLD_APART = ("onsets", "bands", "wave", "spectrum", "recent")
NUMBERS = tuple(each for each in fields(AudioFeatures) if each.name not in TOLD_APART)
COUNTS = frozenset(each.name for each in NUMBERS if isinstance(each.default, int))  # the others are floats
CHOOSE = ("NPY_DISABLE_CPU_FEATURES", "OPENBLAS_CORETYPE")  # environment: by these NumPy may round otherwise
NOTHING = np.zeros(0, np.float32)
PACKAGES = (np.__version__, aubio.version, av.__version__)
DAMAGED = (OSError, ValueError, LookupError, TypeError, EOFError, zipfile.BadZipFile)


@dataclass(frozen=True, slots=True)
class _Piece:
    """The hops of a piece of a song, and what the analyser knows behind the last of them."""

    rows: NDArray[np.float64]  # [hops, NUMBERS and BANDS]
    onsets: NDArray[np.float64]  # [onsets, 4]: the hop within the piece, and what an Onset has
    text: str
    arrays: list[Array]

    def write(self, path: Path) -> None:
        """Write the piece to a file."""
        named = {f"known{n}": each for n, each in enumerate(self.arrays)}
        with path.open("wb") as file:
            np.savez_compressed(file, rows=self.rows, onsets=self.onsets, text=np.array(self.text), **named)  # type: ignore[arg-type]


def _read(path: Path) -> _Piece | None:
    """Return the piece in a file; None where there is none, or a damaged one."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = [file[f"known{n}"] for n in range(len(file.files) - 3)]
            piece = _Piece(file["rows"], file["onsets"], str(file["text"]), arrays)
    except DAMAGED:
        return None
    fits = piece.rows.shape[1:] == (len(NUMBERS) + len(BANDS),) and 0 < len(piece.rows) <= PIECE
    return piece if fits and piece.onsets.shape[1:] == (4,) else None


class Heard:
    """The features of a song's hops, from its first one on. After the song's end there is silence."""

    def __init__(self, song: AnySong, folder: Path | None = None, hop_length: int = HOP_LENGTH) -> None:
        """``folder`` has what is known of this song from before; see `folder_of`. None: it is not kept."""
        self.song, self.hop_length, self._folder = song, hop_length, folder
        self._hops: list[AudioFeatures] = []  # without recent, wave and spectrum
        self._analyser = Analyser(song.samplerate, hop_length)
        self._block, self._begins = NOTHING, 0  # samples that hops are cut from, and the first one's hop
        self._kept = 0  # hops that are in files

    def __call__(self, index: int) -> AudioFeatures:
        """Return the features of hop ``index``, without wave and spectrum."""
        while index >= len(self._hops):
            if len(self._hops) % PIECE or not self._take_up():
                self._hear()
        return self._hops[index]

    def samples(self, begin: int, end: int) -> NDArray[np.float32]:
        """Return the samples of hops ``begin`` to ``end`` (not included), float32 [n], with zeros beyond the end."""
        first, count = begin * self.hop_length, (end - begin) * self.hop_length
        found = mono(self.song.read(first, first + count))
        return found if len(found) == count else np.concatenate([found, np.zeros(count - len(found), np.float32)])

    def keep(self) -> None:
        """Write what is not in files yet. A failure is ignored."""
        if self._folder is not None and self._kept < len(self._hops):
            self._write(self._folder)

    def _take_up(self) -> bool:
        """Take the next piece from its file; return whether there is one."""
        if self._folder is None:
            return False
        begin = len(self._hops)
        piece = _read(_file(self._folder, begin))
        if piece is None:
            return False
        end = begin + len(piece.rows)
        analyser = Analyser(self.song.samplerate, self.hop_length, self._analyser.filters)
        try:
            analyser.recall(piece.text, piece.arrays)
            taken = _features(piece)
        except DAMAGED:
            return False
        for hop in self.samples(begin, end).reshape(-1, self.hop_length):
            analyser.filters.pass_over(hop)
        self._analyser = analyser
        self._hops += taken
        self._kept = end
        return True

    def _hear(self) -> None:
        number = len(self._hops)
        at = (number - self._begins) * self.hop_length
        if not 0 <= at < len(self._block):
            self._block, self._begins, at = self.samples(number, number + BLOCK), number, 0
        heard = self._analyser(self._block[at : at + self.hop_length])
        self._hops.append(replace(heard, wave=NOTHING, spectrum=NOTHING))
        if len(self._hops) % PIECE == 0:
            self.keep()

    def _write(self, folder: Path) -> None:
        begin = (len(self._hops) - 1) // PIECE * PIECE
        text, arrays = self._analyser.known()
        rows, onsets = _told(self._hops[begin:])
        with contextlib.suppress(OSError, UserError):  # then the next process hears this piece again
            if not folder.is_dir():
                _make_room(folder.parent)
                folder.mkdir(parents=True)
            known = _read(_file(folder, begin))
            if known is None or len(known.rows) < len(rows):
                write_whole(_file(folder, begin), _Piece(rows, onsets, text, arrays).write)
        self._kept = len(self._hops)


def _told(hops: Sequence[AudioFeatures]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the rows and the onsets of a piece."""
    rows = [[*(getattr(hop, each.name) for each in NUMBERS), *hop.bands] for hop in hops]
    onsets = [[n, each.time, each.heard_at, each.strength] for n, hop in enumerate(hops) for each in hop.onsets]
    return np.array(rows, np.float64), np.array(onsets, np.float64).reshape(-1, 4)


def _features(piece: _Piece) -> list[AudioFeatures]:
    """Return the features of a piece's hops. LookupError for an onset that is in none."""
    begun: list[tuple[Onset, ...]] = [()] * len(piece.rows)
    for n, *onset in piece.onsets.tolist():
        begun[int(n)] += (Onset(*onset),)
    hops = []
    for row, onsets in zip(piece.rows.tolist(), begun, strict=True):
        told = zip((each.name for each in NUMBERS), row, strict=False)
        numbers: dict[str, Any] = {name: int(each) if name in COUNTS else each for name, each in told}
        hops.append(AudioFeatures(**numbers, onsets=onsets, bands=tuple(row[len(NUMBERS) :])))
    return hops


def _file(folder: Path, begin: int) -> Path:
    """Return the file of the piece that begins with a hop."""
    return folder / f"{begin // PIECE:06}.npz"


def folder_of(song: AnySong, hop_length: int = HOP_LENGTH) -> Path | None:
    """Return where the features of a song are kept: by its contents, the code of the ears, and what they run on."""
    if not song.path.is_file():
        return None  # a pipe can be read once only
    try:
        content = fingerprint(song.path)
    except OSError:
        return None
    told = "\0".join((content, _ears(), str(song.samplerate), str(hop_length)))
    return cache("heard") / hashlib.blake2b(told.encode(), digest_size=16).hexdigest()


@functools.cache
def _ears() -> str:
    """Return a digest of the code that hears, and of what it runs on."""
    room = Path(__file__).resolve().parents[1]
    whole = hashlib.blake2b(digest_size=16)
    for path in sorted(path for suffix in ("py", "npz") for path in room.rglob(f"*.{suffix}")):
        whole.update(path.read_bytes())
    on = (*PACKAGES, *(os.environ.get(name, "") for name in CHOOSE), processor())
    whole.update("\0".join(on).encode())
    return whole.hexdigest()


def _make_room(folder: Path) -> None:
    """Remove the songs that were heard first, until another one fits."""
    songs = sorted(folder.glob("*/"), key=lambda each: each.stat().st_mtime, reverse=True)
    total = 0
    for song in songs:
        total += sum(file.stat().st_size for file in song.iterdir())
        if total > MOST:
            shutil.rmtree(song, ignore_errors=True)
