"""The sound of a recording made while performing: the song's own samples, or those that the input hears.

A recording has one clock, that of its sound: the samples are kept as they are, and ``position`` says where among
them the picture that is being shown belongs.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audio.song import Song
from engine.audio.timeline import Timeline
from engine.clock import Tick

CHANNELS = 2
USUAL_SAMPLERATE = 48000  # Hz, of a recording that begins before any input was found
GAP_SECONDS = 0.06  # sound that is later than this has a hole before it
SETTLE_SECONDS = 0.5  # how long the earliest arrival is looked for before a hole is believed
LOST_SECONDS = 0.5  # without a block for so long, silence is written

Samples = NDArray[np.float32]  # [n, channels]


class SongTrack:
    """The song, from where it was when the recording began. Ticks are its playback position when shown."""

    def __init__(self, song: Song) -> None:
        self.samplerate, self.channels = song.samplerate, song.channels
        self._samples = song.samples
        self._start, self._taken = 0.0, 0

    def begin(self, tick: Tick) -> None:
        """Begin at the picture of ``tick``."""
        self._start = tick.time
        self._taken = round(tick.time * self.samplerate)

    def position(self, tick: Tick) -> float:
        """Return where in the recording the picture of ``tick`` belongs, in seconds."""
        return tick.time - self._start

    def take(self, tick: Tick) -> Samples:
        """Return what is heard until ``tick`` and was not taken before; silence after the song."""
        end = max(self._taken, round(tick.time * self.samplerate))
        piece = self._samples[self._taken : end]
        missing = end - self._taken - len(piece)
        self._taken = end
        return np.pad(piece, ((0, missing), (0, 0))) if missing else piece

    def end(self) -> None:
        """Nothing to let go of."""


class LiveTrack:
    """What an input hears, from when the recording began, silence while it is lost."""

    def __init__(self, ears: Any, now: Callable[[], float] = time.monotonic) -> None:
        """``ears`` are LiveEars: their ``listener`` is called in their thread with every block."""
        self._ears, self._now = ears, now
        device = ears.device
        self.samplerate = device.samplerate if device is not None else USUAL_SAMPLERATE
        self.channels = CHANNELS
        self._blocks: deque[tuple[Samples, float]] = deque()
        self._start = 0.0
        self._taken = 0  # samples
        self._timeline, self._marked_from = Timeline(), 0.0
        self._fresh = True  # the next block's place is where it came, not where the last one ended

    def begin(self, tick: Tick) -> None:
        """Begin now."""
        self._start, self._taken, self._fresh = self._now(), 0, True
        self._blocks.clear()
        self._timeline.restart()
        self._ears.listener = self._hear

    def position(self, tick: Tick) -> float:
        """Return where in the recording a picture shown now belongs, in seconds."""
        return self._now() - self._start - self._late()

    def take(self, tick: Tick) -> Samples:
        """Return what was heard and was not taken before."""
        pieces = [np.zeros((0, CHANNELS), np.float32)]
        while self._blocks:
            self._place(*self._blocks.popleft(), pieces)
        behind = self._now() - self._start - self._taken / self.samplerate
        if behind > LOST_SECONDS:
            self._fresh = True
            self._timeline.restart()
            self._silence(behind - LOST_SECONDS / 2, pieces)
        return np.concatenate(pieces)

    def end(self) -> None:
        """Listen no longer."""
        self._ears.listener = None

    def _hear(self, samples: Samples, samplerate: int, arrived: float) -> None:
        """Take a block [n, channels] from the ears' thread."""
        if samplerate != self.samplerate:  # another device, in mid-recording
            at = np.arange(round(len(samples) * self.samplerate / samplerate)) * samplerate / self.samplerate
            columns = [np.interp(at, np.arange(len(samples)), column) for column in samples.T]
            samples = np.stack(columns, axis=1).astype(np.float32)
        stereo = samples if samples.shape[1] == CHANNELS else samples[:, :1].repeat(CHANNELS, axis=1)
        self._blocks.append((stereo.copy(), arrived))

    def _place(self, block: Samples, arrived: float, pieces: list[Samples]) -> None:
        """Add a block that ended at ``arrived`` (monotonic seconds)."""
        if self._fresh:
            begins = round((arrived - self._start) * self.samplerate) - len(block)
            self._silence((begins - self._taken) / self.samplerate, pieces)
            block = block[max(0, self._taken - begins) :]
            self._fresh, self._marked_from = False, arrived
        pieces.append(block)
        self._taken += len(block)
        self._timeline.mark(arrived, self._taken / self.samplerate)
        if arrived - self._marked_from > SETTLE_SECONDS and self._late() > GAP_SECONDS:
            self._silence(self._late(), pieces)  # samples went missing: what follows is in its place again
            self._timeline.restart()
            self._marked_from = arrived

    def _late(self) -> float:
        """Return how much later the sound comes than its place among the samples says, in seconds."""
        return self._timeline.offset - self._start if self._timeline.running else 0.0

    def _silence(self, seconds: float, pieces: list[Samples]) -> None:
        count = round(seconds * self.samplerate)
        if count > 0:
            pieces.append(np.zeros((count, CHANNELS), np.float32))
            self._taken += count
