"""Ears that follow a clock through a song; in a rehearsal they listen ahead of it, off the frame's path."""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.audio.hearing.analyser import HOP_LENGTH, Analyser
from engine.audio.songs.song import Song
from engine.borders.features import AudioFeatures
from engine.borders.tick import Tick

TOGETHER = 8  # hops heard ahead at a time: a busy frame hands on Python's lock two hundred times a second at most
BREATH = 0.005  # s until the next ones, in which the frame gets the lock: several times as fast as the song is enough
IDLE = 0.05  # s between two looks at whether there is anything to hear


class SongEars:
    """Ears that hear a song: every hop that has ended by the tick, in order, once.

    What is heard does not depend on how the ticks are spaced, nor on how much was heard ahead of them; after
    the end there is silence.
    """

    def __init__(self, song: Song, hop_length: int = HOP_LENGTH, ahead: float = 0.0) -> None:
        """``hop_length`` in samples at the song's samplerate.

        A thread listens ``ahead`` seconds beyond the last tick, so that a frame after a stall finds the hops of it
        heard. What it has not come to yet, the tick itself waits for. 0: there is no such thread.
        """
        self.length = song.duration
        self.samplerate, self.hop_length = song.samplerate, hop_length
        self._mono = song.mono()
        self._silence = np.zeros(hop_length, np.float32)
        self._analyser = Analyser(song.samplerate, hop_length)
        self._hops: deque[AudioFeatures] = deque()  # heard, and not returned yet
        self._heard = self._returned = 0  # hops
        self._hearing = threading.Lock()
        self._last = AudioFeatures()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        if ahead > 0.0:
            hops = math.ceil(ahead * song.samplerate / hop_length)
            self._thread = threading.Thread(target=self._hear_ahead, args=(hops,), name="song ears", daemon=True)
            self._thread.start()

    def latest(self, tick: Tick) -> AudioFeatures:
        """Return the last hop that ended by ``tick.time``, with ``recent`` and all ``onsets`` since the last call."""
        # The margin is for ticks that are sums of fractions: 1e-6 of a hop is six nanoseconds.
        due = max(self._returned, math.floor(tick.time * self.samplerate / self.hop_length + 1e-6))
        while self._heard < due:
            self._hear()
        recent = tuple(self._hops.popleft() for _ in range(due - self._returned))
        self._returned = due
        if recent:
            self._last = recent[-1]
        onsets = tuple(onset for hop in recent for onset in hop.onsets)
        return replace(self._last, onsets=onsets, recent=recent)

    @property
    def ready(self) -> int:
        """Return how many hops have been heard that no tick has asked for yet."""
        return len(self._hops)

    def close(self) -> None:
        """Stop listening ahead."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _hear(self) -> None:
        """Hear the next hop, in whatever thread this is."""
        with self._hearing:
            self._hops.append(self._analyser(self._hop(self._heard)))
            self._heard += 1

    def _hear_ahead(self, hops: int) -> None:
        """Stay so many hops ahead of the last tick, or a few less."""
        behind = False
        while not self._closed.wait(BREATH if behind else IDLE):
            # Not before the first tick has returned some: a show that is still being opened has other work.
            if behind := self._returned > 0 and self._heard + TOGETHER <= self._returned + hops:
                for _ in range(TOGETHER):
                    self._hear()

    def _hop(self, index: int) -> NDArray[np.float32]:
        """Return the samples of a hop, float32 [hop_length], zeros beyond the song's end."""
        start = index * self.hop_length
        hop = self._mono[start:start + self.hop_length]
        if len(hop) == self.hop_length:
            return hop
        return np.concatenate([hop, self._silence[len(hop):]]) if len(hop) else self._silence
