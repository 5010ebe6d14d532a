"""The sound of a recording made while performing: the samples of the song, or of the live input.

The sound is the recording's clock. The samples stay as they are, and ``position`` tells where among them the present
picture belongs.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from engine.borders.sound import Samples, Sound
from engine.borders.tick import Tick

if TYPE_CHECKING:
    from engine.audio.inputs.capture import LiveEars

CHANNELS = 2  # of a live recording; a mono input is on both
DEFAULT_SAMPLERATE = 48000  # Hz; of a recording that begins before an input is found
GAP_SECONDS = 0.02  # delay of blocks; when it persists for HOLD_SECONDS, samples before them are missing
HOLD_SECONDS = 0.4  # how long a delay must persist before samples count as missing
LOST_SECONDS = 0.8  # without a block; then the recording gets silence


class SongTrack:
    """The song from its position when the recording began. A tick is the position at which its picture is shown."""

    def __init__(self, song: Sound) -> None:
        self.samplerate, self.channels = song.samplerate, song.channels
        self._song = song
        self._start, self._taken = 0.0, 0  # seconds, samples

    def begin(self, tick: Tick) -> None:
        """Begin the recording at the picture of ``tick``."""
        self._start = tick.time
        self._taken = round(tick.time * self.samplerate)

    def position(self, tick: Tick) -> float:
        """Return the position of the picture of ``tick`` in the recording, in seconds."""
        return tick.time - self._start

    def take(self, tick: Tick) -> Samples:
        """Return the samples up to ``tick`` that were not taken before; silence after the song's end."""
        end = max(self._taken, round(tick.time * self.samplerate))
        piece = self._song.read(self._taken, end)
        missing = end - self._taken - len(piece)
        self._taken = end
        return np.pad(piece, ((0, missing), (0, 0))) if missing else piece

    def end(self, seconds: float) -> Samples:
        """Return no samples, because `take` has returned all of the recording's."""
        return self._song.read(0, 0)


class LiveTrack:
    """The samples of a live input since the recording began, with silence where the input is lost or samples miss.

    A block comes on time or late, never early. So each block is held for HOLD_SECONDS: if all later blocks were late
    as well, samples are missing before it, and silence takes their place.
    """

    def __init__(self, ears: LiveEars, now: Callable[[], float] = time.monotonic) -> None:
        """``ears`` deliver every block in their own thread while a recording runs; ``now`` returns seconds."""
        self._ears, self._now = ears, now
        device = ears.device
        self.samplerate = device.samplerate if device is not None else DEFAULT_SAMPLERATE
        self.channels = CHANNELS
        self._arriving: deque[tuple[Samples, float]] = deque()  # blocks and arrivals from the ears' thread
        self._held: deque[tuple[Samples, float]] = deque()
        self._start = self._last = 0.0  # monotonic seconds: start of the recording, arrival of the last block
        self._taken = 0  # samples
        self._late = 0.0  # seconds from a sample's place in the recording to its arrival
        self._fresh = True  # whether the next block is placed by its arrival, not after the previous block

    def begin(self, tick: Tick) -> None:
        """Begin the recording now."""
        self._start = self._last = self._now()
        self._taken, self._late, self._fresh = 0, 0.0, True
        self._arriving.clear()
        self._held.clear()
        self._ears.listen(self._hear)

    def position(self, tick: Tick) -> float:
        """Return the position in the recording of a picture that is shown at ``tick``, in seconds.

        A frame that began ``tick.early`` seconds early is shown that much later than now.
        """
        return self._now() + tick.early - self._start - self._late

    def take(self, tick: Tick) -> Samples:
        """Return the samples from before HOLD_SECONDS ago that were not taken before."""
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
        """Stop to listen, and return the remaining samples of a recording of ``seconds``."""
        self._ears.listen(None)
        before = self._taken
        pieces = [self.take(Tick(0, 0.0, 0.0))]
        self._rest(pieces)
        return _joined(pieces)[: max(0, round(seconds * self.samplerate) - before)]

    def _hear(self, samples: Samples, samplerate: int, arrived: float) -> None:
        """Store a block [n, channels] that ended at ``arrived`` (monotonic seconds); the ears' thread calls this."""
        if samplerate != self.samplerate:  # the device changed during the recording
            at = np.arange(round(len(samples) * self.samplerate / samplerate)) * samplerate / self.samplerate
            columns = [np.interp(at, np.arange(len(samples)), column) for column in samples.T]
            samples = np.stack(columns, axis=1).astype(np.float32)
        stereo = samples if samples.shape[1] == CHANNELS else samples[:, :1].repeat(CHANNELS, axis=1)
        self._arriving.append((stereo.copy(), arrived))

    def _place(self, pieces: list[Samples]) -> None:
        """Add the first held block, with silence before it where samples are missing."""
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
        """Add all held blocks, and silence up to now."""
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
