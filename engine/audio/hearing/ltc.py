"""Linear timecode, heard: bi-phase mark from samples to readings, block by block (SMPTE ST 12-1).

A bit is one interval between two changes of sign, a one has another change in its middle. Where signs change is found
for a whole block at once; Python sees only the changes, about 3,000 a second.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from engine.borders.timecode import BY_NAME, RATES, Rate, Reading

BITS = 80  # of a frame
MASK = (1 << BITS) - 1
SYNC, CNYS = 0x3FFD, 0xBFFC  # the last 16 bits of a frame, forwards and backwards
SMOOTHED = 1 / 9600  # s; the sound is averaged over this time: half of the shortest interval
HYSTERESIS = 0.35  # of the amplitude; noise below it changes no sign
SOFTEST = 1e-3  # amplitude, -60 dBFS; below it nothing is timecode
DECAY_SECONDS = 0.05  # s; in which the amplitude that is remembered falls to 1/e
LONG, TOO_LONG, TOO_SHORT = 0.75, 1.5, 0.25  # of a bit; limits between intervals
FOLLOW = 0.05  # share of the difference by which the bit's length follows an interval
MISSES = 32  # intervals that make no bits, in a row; then the bit's length is looked for anew
RECENT = 160  # intervals that it is looked for in
USUAL_BITS = 2000.0  # a second, at 25 fps: where the search begins
SPEEDS = (0.5, 2.0)  # times the usual; a frame beyond them is no frame


class LtcDecoder:
    """Takes mono blocks in their order; it is causal and keeps what a block leaves unfinished."""

    def __init__(self, samplerate: int) -> None:
        self.samplerate = samplerate
        self._width = max(1, round(SMOOTHED * samplerate))
        self._tail = np.zeros(self._width - 1, np.float32)
        self._high = self._low = 0.0
        self._sign = 1
        self._since = 0.0  # samples since the last change of sign, at the end of the block before
        self._bit = samplerate / USUAL_BITS  # samples
        self._half = 0.0  # the first half of a one, in samples
        self._word = self._good = self._missed = 0  # the last bits, how many are sound, intervals that made none
        self._heard = 0  # samples
        self._ended: deque[float] = deque(maxlen=BITS)  # samples; the ends of the last bits
        self._recent: deque[float] = deque(maxlen=RECENT)

    def __call__(self, samples: NDArray[np.float32], end: float) -> list[Reading]:
        """Return the frames that end in ``samples`` [n], whose last one came at ``end`` (monotonic seconds)."""
        if not len(samples):
            return []
        places = self._changes(np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0))
        if not len(places):
            self._since += len(samples)
            return []
        intervals = np.diff(places, prepend=-self._since).tolist()
        self._since = float(len(samples) - places[-1])
        self._recent.extend(intervals[-RECENT:])
        begin = end - (len(samples) + self._width / 2) / self.samplerate
        first, self._heard = self._heard, self._heard + len(samples)
        found: list[Reading] = []
        for place, interval in zip(places.tolist(), intervals, strict=True):
            if self._take(interval):
                reading = self._finish(first + place, begin + place / self.samplerate)
                if reading is not None:
                    found.append(reading)
        if self._missed > MISSES:
            self._look_for_bits()
        return found

    def _changes(self, samples: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return where the smoothed signal changes its sign, in samples of the block."""
        joined = np.concatenate([self._tail, samples])
        self._tail = joined[len(joined) - self._width + 1 :]
        sums = np.cumsum(joined, dtype=np.float64)
        smooth = (sums[self._width - 1 :] - np.concatenate([[0.0], sums[: -self._width]])) / self._width
        keep = float(np.exp(-len(samples) / (DECAY_SECONDS * self.samplerate)))
        middle = (self._high + self._low) / 2.0
        self._high = max(float(smooth.max()), middle + (self._high - middle) * keep)
        self._low = min(float(smooth.min()), middle + (self._low - middle) * keep)
        amplitude, middle = (self._high - self._low) / 2.0, (self._high + self._low) / 2.0
        if amplitude < SOFTEST:
            return np.zeros(0)
        signs = np.zeros(len(smooth) + 1, np.int8)
        signs[0] = self._sign
        signs[1:][smooth > middle + HYSTERESIS * amplitude] = 1
        signs[1:][smooth < middle - HYSTERESIS * amplitude] = -1
        known = np.flatnonzero(signs)
        self._sign = int(signs[known[-1]])
        turned: NDArray[np.float64] = known[1:][np.diff(signs[known]) != 0].astype(np.float64) - 1.0
        return turned

    def _take(self, interval: float) -> bool:
        """Take an interval, in samples; return whether it ends a bit."""
        share = interval / self._bit
        if share > TOO_LONG or share < TOO_SHORT or (share >= LONG and self._half):
            self._good, self._half = 0, 0.0
            self._missed += 1
            self._ended.clear()
            return False
        if share < LONG and not self._half:
            self._half = interval
            return False
        length = interval + self._half
        self._word = (self._word << 1 | (self._half > 0.0)) & MASK
        self._bit += FOLLOW * (length - self._bit)
        self._half, self._good, self._missed = 0.0, self._good + 1, 0
        return True

    def _look_for_bits(self) -> None:
        """Guess a bit's length: intervals are of two kinds, the longer ones are bits."""
        self._missed = 0
        low, high = np.percentile(np.asarray(self._recent), (15.0, 85.0))
        usual = self.samplerate / USUAL_BITS
        bit = high if high > 1.5 * low else 2.0 * high if high < LONG * usual else high
        if SPEEDS[0] * usual <= bit <= SPEEDS[1] * usual:
            self._bit = float(bit)

    def _finish(self, place: float, time: float) -> Reading | None:
        """Return the reading of a frame whose last bit has ended at ``place`` and ``time``, None where none has."""
        self._ended.append(place)
        if self._good < BITS or len(self._ended) < BITS:
            return None
        word, end = self._word, self._word & 0xFFFF
        if end != SYNC and end != CNYS:
            return None
        seconds = (place - self._ended[0]) * BITS / (BITS - 1) / self.samplerate  # of a frame, by the sound's own clock
        if end == SYNC:
            label = _label(int(f"{word:080b}"[::-1], 2))
            return _reading(label, seconds, time, 1.0, 1)
        return _reading(_label(word >> 16), seconds, time, -16.0 / BITS, -1)


def _label(bits: int) -> tuple[int, int, int, int, bool]:
    """Return hours, minutes, seconds, frames and the drop flag of a frame's 64 bits, bit 0 the lowest."""

    def number(at: int, tens_at: int, tens: int) -> int:
        return (bits >> at & 15) + 10 * (bits >> tens_at & (1 << tens) - 1)

    return number(48, 56, 2), number(32, 40, 3), number(16, 24, 3), number(0, 8, 2), bool(bits >> 10 & 1)


def _reading(
    label: tuple[int, int, int, int, bool], seconds: float, time: float, offset: float, direction: int
) -> Reading | None:
    """Return the reading of a label, ``offset`` frames after its begin; None where it is no label."""
    hours, minutes, secs, frames, drop = label
    rate = _rate(seconds, frames, drop)
    if hours > 23 or minutes > 59 or secs > 59 or rate is None:
        return None
    return Reading(rate.number(hours, minutes, secs, frames) + offset, rate, time, direction)


def _rate(seconds: float, frames: int, drop: bool) -> Rate | None:
    """Return how frames of that length are counted; a number of a frame rules out what does not have it."""
    if drop:
        return BY_NAME["29.97df"] if frames < 30 else None
    able = [rate for rate in RATES if not rate.drop and frames < rate.nominal]
    return min(able, key=lambda rate: abs(float(rate.fps) * seconds - 1.0)) if able else None
