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

from engine.audio.songs.song import Song
from engine.borders.tick import Tick

CHANNELS = 2
USUAL_SAMPLERATE = 48000  # Hz, of a recording that begins before any input was found
GAP_SECONDS = 0.02  # sound that stays later than this has a hole before it
HOLD_SECONDS = 0.4  # how long it must stay later for that to be believed
LOST_SECONDS = 0.8  # without a block for so long, silence is written

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

    def end(self, seconds: float) -> Samples:
        """Return nothing: all was taken."""
        return self._samples[:0]


class LiveTrack:
    """What an input hears, from when the recording began; silence while it is lost or samples are missing.

    A block comes when it is due or late, never early. So each is held back for a moment: if all that came since
    were late as well, samples are missing before it, and silence is put there.
    """

    def __init__(self, ears: Any, now: Callable[[], float] = time.monotonic) -> None:
        """``ears`` are LiveEars: their ``listener`` is called in their thread with every block."""
        self._ears, self._now = ears, now
        device = ears.device
        self.samplerate = device.samplerate if device is not None else USUAL_SAMPLERATE
        self.channels = CHANNELS
        self._arriving: deque[tuple[Samples, float]] = deque()  # filled by the ears' thread
        self._held: deque[tuple[Samples, float]] = deque()
        self._start = self._last = 0.0  # monotonic seconds: of the recording, of the last block
        self._taken = 0  # samples
        self._late = 0.0  # seconds that sound comes after its place among the samples
        self._fresh = True  # the next block's place is where it came, not where the last one ended

    def begin(self, tick: Tick) -> None:
        """Begin now."""
        self._start = self._last = self._now()
        self._taken, self._late, self._fresh = 0, 0.0, True
        self._arriving.clear()
        self._held.clear()
        self._ears.listener = self._hear

    def position(self, tick: Tick) -> float:
        """Return where in the recording a picture shown now belongs, in seconds: one that began early, later."""
        return self._now() + tick.early - self._start - self._late

    def take(self, tick: Tick) -> Samples:
        """Return what was heard, up to HOLD_SECONDS ago, and was not taken before."""
        pieces: list[Samples] = []
        while self._arriving:
            self._held.append(self._arriving.popleft())
            self._last = self._held[-1][1]
        while self._held and self._last - self._held[0][1] >= HOLD_SECONDS:
            self._place(pieces)
        if self._now() - self._last > LOST_SECONDS:
            self._rest(pieces)
        return _joined(pieces)

    def end(self, seconds: float) -> Samples:
        """Listen no longer; return the rest, as much as belongs to a recording of ``seconds``."""
        self._ears.listener = None
        before = self._taken
        pieces = [self.take(Tick(0, 0.0, 0.0))]
        self._rest(pieces)
        return _joined(pieces)[: max(0, round(seconds * self.samplerate) - before)]

    def _hear(self, samples: Samples, samplerate: int, arrived: float) -> None:
        """Take a block [n, channels] that ended at ``arrived`` (monotonic seconds), from the ears' thread."""
        if samplerate != self.samplerate:  # another device, in mid-recording
            at = np.arange(round(len(samples) * self.samplerate / samplerate)) * samplerate / self.samplerate
            columns = [np.interp(at, np.arange(len(samples)), column) for column in samples.T]
            samples = np.stack(columns, axis=1).astype(np.float32)
        stereo = samples if samples.shape[1] == CHANNELS else samples[:, :1].repeat(CHANNELS, axis=1)
        self._arriving.append((stereo.copy(), arrived))

    def _place(self, pieces: list[Samples]) -> None:
        """Add the first block that was held back, with silence before it where samples are missing."""
        end, late = self._taken, float("inf")
        for block, arrived in self._held:
            end += len(block)
            late = min(late, arrived - self._start - end / self.samplerate)
        block, _ = self._held.popleft()
        if self._fresh or abs(late) > GAP_SECONDS:
            self._silence(late, pieces)
            block = block[max(0, round(-late * self.samplerate)) :]
            self._fresh, late = False, 0.0
        self._late = late
        pieces.append(block)
        self._taken += len(block)

    def _rest(self, pieces: list[Samples]) -> None:
        """Add all that was held back, and silence up to now."""
        while self._held:
            self._place(pieces)
        self._silence(self._now() - self._start - self._late - self._taken / self.samplerate, pieces)
        self._fresh = True

    def _silence(self, seconds: float, pieces: list[Samples]) -> None:
        count = round(seconds * self.samplerate)
        if count > 0:
            pieces.append(np.zeros((count, CHANNELS), np.float32))
            self._taken += count


def _joined(pieces: list[Samples]) -> Samples:
    return np.concatenate(pieces) if pieces else np.zeros((0, CHANNELS), np.float32)
