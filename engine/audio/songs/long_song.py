"""A song that is too long to hold in memory: it is decoded as it is read, and its last minute or two are kept."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine.audio.songs.decoder import Decoder
from engine.borders.errors import UserError
from engine.borders.sound import Samples

CHUNK = 1 << 16  # samples; a piece of a song that is kept or dropped, 1.4 s
KEPT = 80  # pieces; 110 s and 42 MB of stereo, more than its readers (player, ears, film) are apart
AHEAD = 32  # pieces; a place that is further ahead is sought, a nearer one is decoded up to
BACK = (1, 8, 64)  # pieces; how far before a place the file is asked for, when it answers with one that is behind it


class LongSong:
    """A song whose samples are decoded when they are read. Read in order they are those of a song in memory."""

    def __init__(self, path: Path) -> None:
        """Open ``path``. Raises UserError when it has no sound that can be decoded."""
        self.path = path
        self._decoder = Decoder(path)
        self.samplerate, self.channels = self._decoder.samplerate, self._decoder.channels
        self._estimate = self._decoder.estimate or 0.0
        self._blocks: Iterator[Samples] = self._decoder.blocks()
        self._rest = np.zeros((0, self.channels), np.float32)  # decoded, and not in a piece yet
        self._next = 0  # the piece that the decoder comes to next
        self._reached = 0  # samples, the furthest that is known to be there
        self._length: int | None = None  # samples, once the end has been read
        self._chunks: OrderedDict[int, Samples] = OrderedDict()
        self._decoding, self._keeping = threading.Lock(), threading.Lock()

    @property
    def duration(self) -> float:
        """Return the length in seconds: what the file says, or what is known to be there, until the end was read."""
        if self._length is not None:
            return self._length / self.samplerate
        return max(self._estimate, (self._reached + 1) / self.samplerate)

    @property
    def damaged(self) -> int:
        """Return the number of packets so far that do not decode and are left out."""
        return self._decoder.damaged

    @property
    def packets(self) -> int:
        """Return the number of packets so far."""
        return self._decoder.packets

    @property
    def layout(self) -> tuple[str, int]:
        """Return the name of the file's layout, and how many channels it has."""
        return self._decoder.layout, self._decoder.layout_channels

    def read(self, begin: int, end: int) -> Samples:
        """Return the samples from ``begin`` to ``end`` (not included), float32 [n, channels], fewer at the end."""
        pieces: list[Samples] = []
        at = max(0, begin)
        while at < end:
            index, offset = divmod(at, CHUNK)
            piece = self._chunk(index)[offset : offset + end - at]
            if not len(piece):
                break
            pieces.append(piece)
            at += len(piece)
        if len(pieces) == 1:
            return pieces[0]
        return np.concatenate(pieces) if pieces else np.zeros((0, self.channels), np.float32)

    def measure(self) -> None:
        """Read the whole song once, so that ``duration`` is exact."""
        if self._length is None:
            decoder = Decoder(self.path)
            with contextlib.closing(decoder):
                self._length = sum(len(block) for block in decoder.blocks())

    def _chunk(self, index: int) -> Samples:
        """Return a piece; a shorter or empty one at the end of the song."""
        kept = self._kept(index)
        if kept is None:
            with self._decoding:
                kept = self._kept(index)
                if kept is None:
                    kept = self._decode(index)
        return kept

    def _kept(self, index: int) -> Samples | None:
        with self._keeping:
            if index in self._chunks:
                self._chunks.move_to_end(index)
                return self._chunks[index]
        if self._length is not None and index * CHUNK >= self._length:
            return np.zeros((0, self.channels), np.float32)
        return None

    def _keep(self, index: int, piece: Samples) -> None:
        with self._keeping:
            self._chunks[index] = piece
            while len(self._chunks) > KEPT:
                self._chunks.popitem(last=False)

    def _decode(self, index: int) -> Samples:
        """Decode up to a piece, and keep it."""
        if not self._next <= index <= self._next + AHEAD:
            self._go(index)
        while self._next <= index:
            piece = self._piece()
            self._keep(self._next, piece)
            self._reached = max(self._reached, self._next * CHUNK + len(piece))
            self._next += 1
            if len(piece) < CHUNK:
                self._length = max(self._reached, self._decoder.at or 0)
                self._next = index + 1  # whatever is read next is sought
        kept = self._kept(index)
        return np.zeros((0, self.channels), np.float32) if kept is None else kept

    def _piece(self) -> Samples:
        """Return the CHUNK samples that the decoder comes to next, fewer at the end."""
        parts, count = [self._rest], len(self._rest)
        while count < CHUNK and (block := next(self._blocks, None)) is not None:
            parts.append(block)
            count += len(block)
        whole = np.concatenate(parts)
        self._rest = whole[CHUNK:].copy()
        return whole[:CHUNK].copy()

    def _go(self, index: int) -> None:
        """Let the decoder come to a piece next: by seeking, or else from the beginning."""
        wanted = index * CHUNK
        for back in BACK if index else ():
            if not self._decoder.seek(max(0, wanted - (back - 1) * CHUNK)):
                break
            self._blocks = self._decoder.blocks()
            first = next(self._blocks, None)
            at = self._decoder.at
            if first is None or at is None:
                break
            if at <= wanted:
                self._drop(first, wanted - at)
                self._next = index
                return
        self._begin_again()
        self._drop(self._rest[:0], wanted)
        self._next = index

    def _begin_again(self) -> None:
        """Let the decoder stand at the file's beginning."""
        damaged, packets = self._decoder.damaged, self._decoder.packets
        self._blocks = iter(())
        with contextlib.suppress(UserError):  # the file is gone: the song ends here
            again = Decoder(self.path)
            self._decoder.close()
            self._decoder, self._blocks = again, again.blocks()
            again.damaged, again.packets = damaged, packets

    def _drop(self, first: Samples, count: int) -> None:
        """Leave out ``count`` samples, of ``first`` and of the blocks after it."""
        while len(first) < count:
            count -= len(first)
            block = next(self._blocks, None)
            if block is None:
                first = first[:0]
                break
            first = block
        self._rest = first[count:].copy()
