"""What an output device is fed with: the next seconds of a sound, at the device's rate, read by a thread of its own."""

from __future__ import annotations

import threading
from collections import deque

import numpy as np

from engine.audio.songs.resampler import Resampled
from engine.borders.sound import Samples, Sound, mono

AHEAD_SECONDS = 4.0  # s of the sound that are ready; a disk or a busy machine may stand still that long
WAIT_SECONDS = 0.1  # between two looks whether the device has taken some


class Feed:
    """The next seconds of a sound as float32 [n, channels], -1..1. The device's thread takes, another one reads."""

    def __init__(self, sound: Sound, samplerate: int, channels: int, begin: int = 0, at_once: bool = True) -> None:
        """``samplerate`` (Hz) and ``channels`` (1 or 2) are the device's; ``begin`` is a sample of ``sound``.

        Without ``at_once`` it is the thread that reads the first seconds as well.
        """
        self._source, self._channels = Resampled(sound, samplerate, begin), channels
        self._most = round(AHEAD_SECONDS * samplerate)
        self._ready: deque[Samples] = deque()
        self._read = self._taken = 0  # samples; the reader's count, the device's
        self._complete = False  # whether the last sample is ready
        self._closed = threading.Event()
        if at_once:
            self._fill()
        self._thread = threading.Thread(target=self._run, name="song feed", daemon=True)
        self._thread.start()

    def take(self, count: int) -> Samples:
        """Return the next ``count`` samples, fewer where the reader is behind or the sound has ended."""
        pieces: list[Samples] = []
        missing = count
        while missing and self._ready:
            piece = self._ready[0]
            if len(piece) > missing:
                pieces.append(piece[:missing])
                self._ready[0] = piece[missing:]
            else:
                pieces.append(self._ready.popleft())
            missing -= len(pieces[-1])
        self._taken += count - missing
        if len(pieces) == 1:
            return pieces[0]
        return np.concatenate(pieces) if pieces else np.zeros((0, self._channels), np.float32)

    @property
    def over(self) -> bool:
        """Return whether the device has taken the last sample."""
        return self._complete and not self._ready

    def close(self) -> None:
        """Stop to read."""
        self._closed.set()
        self._thread.join()

    def _fill(self) -> None:
        """Read until enough is ready."""
        while not self._source.over and self._read - self._taken < self._most and not self._closed.is_set():
            piece = self._for_device(self._source.next())
            self._read += len(piece)
            if len(piece):
                self._ready.append(piece)
        self._complete = self._source.over  # after the last piece, for the device's thread reads both

    def _run(self) -> None:
        """Keep enough ready; this is the thread."""
        while not self._source.over:
            self._fill()
            if self._closed.wait(WAIT_SECONDS):
                return

    def _for_device(self, samples: Samples) -> Samples:
        """Return samples with the device's channels; the mean of the sound's where the numbers differ."""
        if self._channels == 1 or samples.shape[1] == 1:
            samples = np.repeat(mono(samples)[:, None], self._channels, axis=1)
        return np.ascontiguousarray(np.clip(samples, -1.0, 1.0))
