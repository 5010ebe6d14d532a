"""The ears of a song: they follow the rig's clock; in a rehearsal a thread analyses ahead of it."""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.audio.hearing.analyser import HOP_LENGTH, Analyser
from engine.borders.features import AudioFeatures
from engine.borders.sound import Sound, mono
from engine.borders.tick import Tick

BATCH_HOPS = 8  # hops; analysed between two pauses (a busy frame thread yields the GIL 200 times a second at most)
PAUSE_SECONDS = 0.005  # between two batches, so that the frame thread gets the GIL
BEFORE_SECONDS = 1.0  # s; after a seek the ears have heard as much of what came before it
BLOCK = 1 << 15  # samples; read from the song at once
IDLE_SECONDS = 0.05  # between two checks for hops to analyse, while none are missing


class SongEars:
    """Ears that hear a song: every hop that has ended by the tick, in order, once.

    The features do not depend on the spacing of the ticks, nor on the number of hops that are analysed ahead. After
    the song's end there is silence.
    """

    def __init__(self, song: Sound, hop_length: int = HOP_LENGTH, ahead: float = 0.0, begin: int = 0) -> None:
        """``hop_length`` is in samples at the song's samplerate. The first tick is that of sample ``begin``.

        A thread analyses ``ahead`` seconds beyond the last tick, so that the features are ready for a frame after a
        stall. `latest` itself analyses the hops that the thread has not reached. With 0 there is no thread.
        """
        self._song = song
        self.samplerate, self.hop_length = song.samplerate, hop_length
        self._block, self._begins = np.zeros(0, np.float32), 0  # mono samples that hops are cut from, and their place
        self._silence = np.zeros(hop_length, np.float32)
        self._analyser = Analyser(song.samplerate, hop_length)
        self._hops: deque[AudioFeatures] = deque()  # analysed, but not returned yet
        self._heard = self._returned = begin // hop_length  # hops analysed, hops returned
        self._first = self._heard  # the hop of the first tick
        self._shift = 0.0  # s; from the analyser's time to the song's
        self._changes: deque[int] = deque()  # hops from which on another sound is heard
        self._hearing = threading.Lock()
        self._last = AudioFeatures()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        if begin:
            self._begin_anew(self._first)
        if ahead > 0.0:
            hops = math.ceil(ahead * song.samplerate / hop_length)
            self._thread = threading.Thread(target=self._hear_ahead, args=(hops,), name="song ears", daemon=True)
            self._thread.start()

    def latest(self, tick: Tick) -> AudioFeatures:
        """Return the last hop that ended by ``tick.time``, with ``recent`` and all ``onsets`` since the last call."""
        # The margin, six nanoseconds, is for the rounding of ticks that are sums of fractions.
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
    def length(self) -> float:
        """Return the song's length in seconds, as far as it is known."""
        return self._song.duration

    @property
    def ready(self) -> int:
        """Return the number of analysed hops that `latest` has not returned yet."""
        return len(self._hops)

    @property
    def returned(self) -> int:
        """Return the number of hops that `latest` has returned, with those before the first tick."""
        return self._returned

    def edit(self, at: int) -> None:
        """Hear what the song has become from sample ``at`` on, a hop's beginning that has not been returned.

        What is heard from there on depends on the sound before it, and not on how far was analysed ahead.
        """
        index = at // self.hop_length
        with self._hearing:
            while self._heard > index:
                self._hops.pop()
                self._heard -= 1
            self._block, self._begins = self._block[:0], 0
            while self._changes and self._changes[-1] >= index:
                self._changes.pop()
            self._changes.append(index)

    def close(self) -> None:
        """Stop the thread."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _hear(self) -> None:
        """Analyse the next hop, in the calling thread."""
        with self._hearing:
            if self._changes and self._heard >= self._changes[0]:
                self._begin_anew(self._changes.popleft())
            features = self._analyser(self._hop(self._heard))
            self._hops.append(_later(features, self._shift) if self._shift else features)
            self._heard += 1

    def _begin_anew(self, index: int) -> None:
        """Take an analyser that has heard nothing but the seconds before a hop."""
        first = max(0, index - round(BEFORE_SECONDS * self.samplerate / self.hop_length))
        self._analyser = Analyser(self.samplerate, self.hop_length)
        self._shift = first * self.hop_length / self.samplerate
        for each in range(first, index):
            self._analyser(self._hop(each))

    def _hear_ahead(self, hops: int) -> None:
        """Stay up to ``hops`` ahead of the last tick; this is the thread."""
        behind = False
        while not self._closed.wait(PAUSE_SECONDS if behind else IDLE_SECONDS):
            # The thread waits for the first hop that `latest` returns, because a show that is opening is busy.
            if behind := self._returned > self._first and self._heard + BATCH_HOPS <= self._returned + hops:
                for _ in range(BATCH_HOPS):
                    self._hear()

    def _hop(self, index: int) -> NDArray[np.float32]:
        """Return the samples of a hop, float32 [hop_length], with zeros beyond the song's end."""
        start = index * self.hop_length
        at = start - self._begins
        if not 0 <= at <= len(self._block) - self.hop_length:
            self._block, self._begins, at = mono(self._song.read(start, start + max(BLOCK, self.hop_length))), start, 0
        hop = self._block[at : at + self.hop_length]
        if len(hop) == self.hop_length:
            return hop
        return np.concatenate([hop, self._silence[len(hop) :]]) if len(hop) else self._silence


def _later(features: AudioFeatures, seconds: float) -> AudioFeatures:
    """Return the features with all their times later by that."""
    onsets = tuple(replace(o, time=o.time + seconds, heard_at=o.heard_at + seconds) for o in features.onsets)
    return replace(features, time=features.time + seconds, onsets=onsets)
