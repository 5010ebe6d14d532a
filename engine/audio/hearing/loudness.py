"""Loudness as broadcasters measure it, a level for motion, and where loudness leads: a build-up, a drop.

The filters (see `filters`) and the 400 ms of "momentary" loudness are those of ITU-R BS.1770-4. The ears are mono, so
two uncorrelated channels read 3 LU lower.
"""

from __future__ import annotations

import math

from engine.audio.hearing.filters import Filters
from engine.audio.hearing.spectrum import Vector
from engine.borders.features import SILENT_LUFS

OFFSET_LU = -0.691  # of the standard
WINDOW_SECONDS = 0.4
FAST_SECONDS, SLOW_SECONDS = 1.0, 8.0  # time constants whose difference is the trend
FULL_TREND_LU = 6.0  # of difference: a trend of 1
LEVEL_SECONDS = 20.0  # time constant of the mean power that a level is turned down by
LEVEL_BEFORE_SECONDS = 0.5  # of silence before the first hop: after a seek or a restart a loud song does not race
LEVEL_FULL = 0.18  # rms over LEVEL_SECONDS up to which a level is the rms; -15 dB of full scale
THIN_SECONDS = 2.0  # least time without bass before a drop
THIN_BASS, BACK_BASS = 0.45, 1.0  # times as usual; the bass is gone below, and back above
BASS_SECONDS = 0.4  # time constant of the bass's decaying maximum: kicks that come are no gap
REST_SECONDS = 4.0  # after a drop, until there may be another


class Loudness:
    """The momentary loudness in LUFS, and its trend: -1 falls away, 0 steady, 1 builds up."""

    def __init__(self, samplerate: int, hop_length: int, filters: Filters | None = None) -> None:
        """``samplerate`` in Hz, ``hop_length`` in samples; ``filters`` are those of the stream."""
        self._filters = filters or Filters(samplerate, hop_length)
        self._energies = [0.0] * max(1, round(WINDOW_SECONDS * samplerate / hop_length))  # of the last hops
        self._samples = len(self._energies) * hop_length
        self._next = 0
        seconds = hop_length / samplerate
        self._fast, self._slow = (1.0 - math.exp(-seconds / s) for s in (FAST_SECONDS, SLOW_SECONDS))
        self._means = (0.0, 0.0)  # power over FAST_SECONDS and SLOW_SECONDS
        self._heard = 0.0  # 0..1: the part of SLOW_SECONDS that they cover
        self.lufs, self.trend = SILENT_LUFS, 0.0

    def __call__(self, hop: Vector, gate: float) -> None:
        """Hear a hop [hop_length]; a ``gate`` of 0 says that there is only the room's noise."""
        hop = self._filters.weigh(hop)
        self._energies[self._next] = float(hop.dot(hop))
        self._next = (self._next + 1) % len(self._energies)
        power = sum(self._energies) / self._samples
        lufs = max(SILENT_LUFS, OFFSET_LU + 10.0 * math.log10(max(power, 1e-12)))
        self.lufs = SILENT_LUFS + gate * (lufs - SILENT_LUFS)
        if gate > 0.0:
            self._heard += self._slow * gate * (1.0 - self._heard)
            fast, slow = self._means
            slow += min(1.0, self._slow * gate / self._heard) * (power - slow)
            fast += min(1.0, max(self._fast, self._slow / self._heard) * gate) * (power - fast)
            self._means = (fast, slow)
            grown = 10.0 * math.log10(max(fast, 1e-12) / max(slow, 1e-12))
            self.trend = min(1.0, max(-1.0, grown / FULL_TREND_LU))


class Level:
    """The rms as motion needs it: turned down where the sound has been loud for long, never turned up.

    A mastered track is loud from end to end. What is made to race in one bar of a live mix would race all the time.
    """

    def __init__(self, seconds: float) -> None:
        """``seconds`` lie between two calls."""
        self._seconds = seconds
        self._heard = LEVEL_BEFORE_SECONDS  # that the mean covers, at most LEVEL_SECONDS
        self._power = 0.0  # mean

    def __call__(self, rms: float) -> float:
        """Return the level of a hop with this ``rms``, both 0..1."""
        self._heard = min(LEVEL_SECONDS, self._heard + self._seconds)
        self._power += self._seconds / self._heard * (rms * rms - self._power)
        return rms * min(1.0, LEVEL_FULL / max(math.sqrt(self._power), LEVEL_FULL))


class Drop:
    """The moment at which the bass comes back after THIN_SECONDS or more without."""

    def __init__(self, seconds: float) -> None:
        """``seconds`` lie between two calls."""
        self._seconds = seconds
        self._decay = math.exp(-seconds / BASS_SECONDS)
        self._bass = 0.0
        self._thin = 0.0  # seconds without bass
        self._rest = 0.0  # seconds

    def __call__(self, bass: float, sounding: bool) -> float:
        """Return 1 at a drop, else 0. ``bass`` is relative to its average; a break in which nothing sounds counts."""
        self._rest = max(0.0, self._rest - self._seconds)
        dropped = self._thin >= THIN_SECONDS and bass >= BACK_BASS and self._rest == 0.0
        self._bass = max(bass, self._bass * self._decay)
        if dropped:
            self._rest = REST_SECONDS
        if self._bass >= BACK_BASS:
            self._thin = 0.0
        elif self._bass < THIN_BASS and (sounding or self._thin > 0.0):
            self._thin += self._seconds
        return float(dropped)
