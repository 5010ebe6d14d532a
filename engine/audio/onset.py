"""Onsets: the start of each sound, known a few milliseconds after it happened.

Three listeners beside each other, each on its own register, measure how much the logarithm of
their bands has grown over what it was shortly before (a spectral flux). The maximum over
neighbouring bands and over a stretch of time that the past is allowed (after Böck and Widmer,
"Maximum filter vibrato suppression for onset detection", DAFx 2013) keeps vibrato and beating
partials quiet. A crossing of the joint threshold is an onset at once, not when the peak is over.

aubio's onset objects wait for the peak, hear a whole spectrum as one number and lose soft attacks;
measured beside this by tools/evaluate_onsets.py.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from engine.audio.features import Onset
from engine.audio.spectrum import NoiseFloor, Spectrum, Vector, fft_length, log_bands

STEP_SECONDS = 128 / 44100  # a hop is looked at in steps of about this length
LONG_SECONDS, LONG_RISE_SECONDS = 0.0464, 0.004  # the window that tells low notes apart
SHORT_SECONDS, SHORT_RISE_SECONDS = 0.0116, 0.002  # the window for everything higher
ROOM_DBFS = -50.0  # steady noise up to this level (pink, RMS) has no onsets
START_SECONDS, START_CAUTION = 0.05, 3.0  # a stream that begins in noise does not begin with an onset
POWER = 2.0  # how the listeners join: 1 adds them, more lets the loudest speak
MEAN_SECONDS = 0.15  # a listener's threshold rises with its own mean over this
LEVEL_SECONDS = 1.9  # the loudest lately decays over this; far below it is not heard
MOST_GROWTH = 0.47  # decades: one band alone is not to make an onset
GAP_SECONDS = 0.035  # two onsets are never closer
MASK, MASK_SECONDS = 1.5, 0.035  # the next one must exceed this much of the last, which decays over this
LEAD_SECONDS = 0.006  # from the start of a sound to the crossing, as measured: an onset is dated back by it
SOFTEST, SPREAD = 1.2, 3.0  # strength 0..1: 0 up to the first (in thresholds), 0.63 at one spread above


@dataclass(frozen=True, slots=True)
class Register:
    """How one listener listens."""

    low: float  # Hz
    high: float  # Hz
    per_octave: int  # bands
    long: bool  # which window
    lag: float  # seconds between now and the past it is compared with
    span: float  # seconds of that past
    neighbours: int  # bands to either side where the past may have been as loud
    above_floor: float  # times the noise floor: what is below does not count
    below_loudest: float  # likewise, of the loudest band lately
    threshold: float  # growth, decades on average over the bands
    adapt: float  # how much of its own mean is added to that


REGISTERS = (
    Register(30, 1200, 12, True, 0.0145, 0.0174, 1, 1.8, 0.005, 0.045, 0.5),
    Register(1200, 4800, 6, False, 0.0087, 0.0087, 0, 1.8, 0.003, 0.05, 0.5),
    Register(4800, 16000, 6, False, 0.0087, 0.0087, 0, 1.8, 0.003, 0.05, 0.5),
)


class _Listener:
    """One register's novelty, in thresholds: 1 is an onset if the others are silent."""

    def __init__(self, register: Register, spectrum: Spectrum, seconds: float) -> None:
        """``seconds`` between steps."""
        self._register = register
        self._weights = log_bands(spectrum.frequencies, register.low, register.high, register.per_octave)
        self._floor = NoiseFloor(self._weights @ spectrum.pink(ROOM_DBFS), seconds)
        lag, self._span = max(1, round(register.lag / seconds)), max(1, round(register.span / seconds))
        silence = np.full(len(self._weights), -9.0, np.float32)
        self._past = deque([silence] * (lag + self._span - 1), maxlen=lag + self._span - 1)
        self._loudest = 0.0
        self._decay = math.exp(-seconds / LEVEL_SECONDS)
        self._share = 1.0 - math.exp(-seconds / MEAN_SECONDS)
        self._mean = 0.0

    def __call__(self, magnitudes: Vector, caution: float) -> float:
        """Return the novelty of a spectrum [bins]; ``caution`` (1 or more) lifts the noise floor."""
        bands = self._weights @ magnitudes
        self._loudest = max(float(bands.max()), self._loudest * self._decay)
        least = np.maximum(self._floor(bands) * np.float32(self._register.above_floor * caution),
                           np.float32(self._register.below_loudest * self._loudest))
        level = np.log10(bands + least)
        before = np.maximum.reduce([self._past[i] for i in range(self._span)])
        growth = float(np.clip(level - np.maximum(before, np.log10(least)), 0.0, MOST_GROWTH).mean())
        self._past.append(_widest(level, self._register.neighbours))
        novelty = growth / (self._register.threshold + self._register.adapt * self._mean)
        self._mean += self._share * (growth - self._mean)
        return novelty


def _widest(level: Vector, neighbours: int) -> Vector:
    """Return the maximum of each band and its neighbours, float32 [bands]."""
    wide = level
    for shift in range(1, neighbours + 1):
        wide = wide.copy()
        np.maximum(wide[shift:], level[:-shift], out=wide[shift:])
        np.maximum(wide[:-shift], level[shift:], out=wide[:-shift])
    return wide


class OnsetDetector:
    """Finds the onsets of a stream hop by hop."""

    def __init__(self, samplerate: int, hop_length: int) -> None:
        """``samplerate`` in Hz, ``hop_length`` in samples."""
        self._samplerate, self._hop_length = samplerate, hop_length
        self._steps = steps_per_hop(hop_length, samplerate)
        self._seconds = hop_length / self._steps / samplerate
        long, short = (
            Spectrum(fft_length(length, samplerate), round(rise * samplerate), samplerate)
            for length, rise in ((LONG_SECONDS, LONG_RISE_SECONDS), (SHORT_SECONDS, SHORT_RISE_SECONDS)))
        self._long, self._short = long, short
        self._listeners = [_Listener(r, long if r.long else short, self._seconds) for r in REGISTERS]
        self._samples = np.zeros(long.length, np.float32)
        self._taken = 0  # steps
        self._heard = 0  # hops
        self._last = -math.inf  # seconds
        self._mask = 0.0
        self._mask_decay = math.exp(-self._seconds / MASK_SECONDS)

    def __call__(self, hop: Vector) -> tuple[float, tuple[Onset, ...]]:
        """Return the strength 0..1 of what began in a hop [hop_length], and the onsets in it."""
        self._heard += 1
        samples = np.concatenate([self._samples, hop])
        self._samples = samples[self._hop_length:]
        step = self._hop_length // self._steps
        loudest = 0.0
        onsets = []
        for end in range(len(self._samples) + step, len(samples) + 1, step):
            novelty = self._novelty(samples[end - len(self._samples):end])
            loudest = max(loudest, novelty)
            if self._is_onset(novelty):
                onsets.append(Onset(
                    time=max(0.0, self._taken * self._seconds - LEAD_SECONDS),
                    heard_at=self._heard * self._hop_length / self._samplerate,
                    strength=_strength(novelty)))
        return _strength(loudest), tuple(onsets)

    def _novelty(self, samples: Vector) -> float:
        """Return the listeners' joint novelty of one step, in thresholds."""
        caution = 1.0 + START_CAUTION * math.exp(-self._taken * self._seconds / START_SECONDS)
        self._taken += 1
        spectra = {True: self._long(samples), False: self._short(samples)}
        heard = (listen(spectra[r.long], caution) for listen, r in zip(self._listeners, REGISTERS, strict=True))
        return float(sum(novelty ** POWER for novelty in heard) ** (1.0 / POWER))

    def _is_onset(self, novelty: float) -> bool:
        """Tell whether this step begins an onset: over the threshold, not the tail of the last one."""
        now = self._taken * self._seconds
        self._mask *= self._mask_decay
        fresh = now - self._last > GAP_SECONDS
        begins = novelty > 1.0 and fresh and novelty > MASK * self._mask
        if begins:
            self._last = now
        if begins or not fresh:
            self._mask = max(self._mask, novelty)
        return begins


def steps_per_hop(hop_length: int, samplerate: int) -> int:
    """Return the number of equal steps a hop is looked at in, each as near as can be to STEP_SECONDS."""
    wanted = max(1, round(hop_length / (STEP_SECONDS * samplerate)))
    return next(n for n in range(wanted, 0, -1) if hop_length % n == 0)


def _strength(novelty: float) -> float:
    """Return 0..1 for a novelty in thresholds."""
    return 1.0 - math.exp(-max(0.0, novelty - SOFTEST) / SPREAD)
