"""A song as it is rehearsed: from a place, in passages, with pauses. On the show's clock it is one sound without jumps.

The player, the ears and a recording read this sound and know of nothing else: a seek is another passage of the song
from some sample on, a pause is silence, and a loop comes back to its beginning sample by sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.borders.sound import Samples, Sound


@dataclass(frozen=True, slots=True)
class Passage:
    """What is played from sample ``at`` of the show on: the song from its sample ``place``, or silence.

    ``loop`` are the samples of the song between which it goes round; a passage that begins behind them does not.
    """

    at: int
    place: int
    plays: bool = True
    loop: tuple[int, int] | None = None

    @property
    def round(self) -> tuple[int, int] | None:
        """Return the loop where this passage goes round in it."""
        return self.loop if self.plays and self.loop is not None and self.place < self.loop[1] else None

    def of_song(self, at: int) -> int:
        """Return the sample of the song at sample ``at`` of the show."""
        place = self.place + (at - self.at if self.plays else 0)
        if (loop := self.round) is not None and place >= loop[1]:
            return loop[0] + (place - loop[1]) % (loop[1] - loop[0])
        return place


class EditedSong:
    """The passages of a song as one sound. Several threads may read while the loop's thread edits."""

    def __init__(self, song: Sound, begin: float = 0.0) -> None:
        """The show begins at ``begin`` seconds of the song, and at the same on its own clock."""
        self.song = song
        self.samplerate, self.channels = song.samplerate, song.channels
        self._passages: tuple[Passage, ...] = (Passage(0, 0),)  # replaced whole
        self.begin = round(begin * song.samplerate)  # the show's first sample

    @property
    def duration(self) -> float:
        """Return the show's time (s) at which the song ends; infinity while it pauses or goes round."""
        last = self._passages[-1]
        if not last.plays or last.round is not None:
            return float("inf")
        return self.song.duration + (last.at - last.place) / self.samplerate

    @property
    def last(self) -> Passage:
        """Return the passage that plays, or that was asked for last."""
        return self._passages[-1]

    def edit(self, passage: Passage) -> None:
        """Play ``passage`` from its sample on. What was planned from there on is gone."""
        self._passages = (*(each for each in self._passages if each.at < passage.at), passage)

    def of_song(self, at: int) -> int:
        """Return the sample of the song at sample ``at`` of the show."""
        return self._at(at)[0].of_song(at)

    def place(self, time: float) -> float:
        """Return the seconds of the song at ``time`` on the show's clock."""
        return self.of_song(round(time * self.samplerate)) / self.samplerate

    def read(self, begin: int, end: int) -> Samples:
        """Return the samples from ``begin`` to ``end`` (not included), float32 [n, channels], fewer at the end."""
        pieces: list[Samples] = []
        at = max(0, begin)
        while at < end:
            passage, until = self._at(at)
            stop = end if until is None else min(end, until)
            piece = self._piece(passage, at, stop)
            if not len(piece):
                break
            pieces.append(piece)
            at += len(piece)
        if len(pieces) == 1:
            return pieces[0]
        return np.concatenate(pieces) if pieces else np.zeros((0, self.channels), np.float32)

    def _at(self, at: int) -> tuple[Passage, int | None]:
        """Return the passage at sample ``at``, and where the next one begins."""
        passages = self._passages
        index = max((i for i, each in enumerate(passages) if each.at <= at), default=0)
        return passages[index], passages[index + 1].at if index + 1 < len(passages) else None

    def _piece(self, passage: Passage, at: int, stop: int) -> Samples:
        """Return samples of one passage, up to ``stop`` or to the end of its loop; none where the song has ended."""
        if not passage.plays:
            return np.zeros((stop - at, self.channels), np.float32)
        place = passage.of_song(at)
        if (loop := passage.round) is None:
            return self.song.read(place, place + stop - at)
        count = min(stop - at, loop[1] - place)
        piece = self.song.read(place, place + count)
        # A file may be shorter than it says; a loop has its length all the same.
        return piece if len(piece) == count else np.pad(piece, ((0, count - len(piece)), (0, 0)))
