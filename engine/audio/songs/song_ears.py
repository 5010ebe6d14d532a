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
BLOCK = 1 << 15  # samples; read from the song at once
IDLE_SECONDS = 0.05  # between two checks for hops to analyse, while none are missing


class SongEars:
    """Ears that hear a song: every hop that has ended by the tick, in order, once.

    The features do not depend on the spacing of the ticks, nor on the number of hops that are analysed ahead. After
    the song's end there is silence.
    """

    def __init__(self, song: Sound, hop_length: int = HOP_LENGTH, ahead: float = 0.0) -> None:
        """``hop_length`` is in samples at the song's samplerate.

        A thread analyses ``ahead`` seconds beyond the last tick, so that the features are ready for a frame after a
        stall. `latest` itself analyses the hops that the thread has not reached. With 0 there is no thread.
        """
        self._song = song
        self.samplerate, self.hop_length = song.samplerate, hop_length
        self._block, self._begins = np.zeros(0, np.float32), 0  # mono samples that hops are cut from, and their place
        self._silence = np.zeros(hop_length, np.float32)
        self._analyser = Analyser(song.samplerate, hop_length)
        self._hops: deque[AudioFeatures] = deque()  # analysed, but not returned yet
        self._heard = self._returned = 0  # hops analysed, hops returned
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

    def close(self) -> None:
        """Stop the thread."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _hear(self) -> None:
        """Analyse the next hop, in the calling thread."""
        with self._hearing:
            self._hops.append(self._analyser(self._hop(self._heard)))
            self._heard += 1

    def _hear_ahead(self, hops: int) -> None:
        """Stay up to ``hops`` ahead of the last tick; this is the thread."""
        behind = False
        while not self._closed.wait(PAUSE_SECONDS if behind else IDLE_SECONDS):
            # The thread waits for the first hop that `latest` returns, because a show that is opening is busy.
            if behind := self._returned > 0 and self._heard + BATCH_HOPS <= self._returned + hops:
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
