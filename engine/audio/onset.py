"""Onsets: the start of each sound, known a few milliseconds after it happened.

Listeners beside each other, each on its own register, measure how much the logarithm of
their bands has grown over what it was shortly before (a spectral flux). The maximum over
neighbouring bands and over a stretch of time that the past is allowed (after Böck and Widmer,
"Maximum filter vibrato suppression for onset detection", DAFx 2013) keeps vibrato and beating
partials quiet. A crossing of the joint threshold is an onset at once, not when the peak is over.

aubio's onset objects wait for the peak, hear a whole spectrum as one number and lose soft attacks;
measured beside this by tools/evaluate_onsets.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.audio.features import Onset
from engine.audio.spectrum import NoiseFloor, Spectrum, Vector, fft_length, log_bands

STEP_SECONDS = 128 / 44100  # a hop is looked at in steps of about this length
# Length and rise in seconds of two windows: to tell low notes apart, to be quick.
WINDOWS = ((0.0464, 0.004), (0.0116, 0.002))
ROOM_DBFS = -50.0  # steady noise up to this level (pink, RMS) has no onsets
START_SECONDS, START_CAUTION = 0.02, 30.0  # a stream that begins in noise does not begin with an onset
POWER = 1.12  # how the listeners join: 1 adds them, more lets the loudest speak
MEAN_SECONDS = 0.0574  # a listener's threshold rises with its own mean over this
LEVEL_SECONDS = 3.7  # the loudest lately decays over this; far below it is not heard
MOST_GROWTH = 0.484  # decades: one band alone is not to make an onset
GAP_SECONDS = 0.039  # two onsets are never closer
MASK, MASK_SECONDS = 1.8, 0.013  # the next one must exceed this much of the last, which decays over this
LEAD_SECONDS = 0.006  # from the start of a sound to the crossing, as measured: an onset is dated back by it
DEAF, SURE = 0.85, 1.0  # novelty (in thresholds) up to which nothing is shown, and from which all is


@dataclass(frozen=True, slots=True)
class Register:
    """How one listener listens."""

    low: float  # Hz
    high: float  # Hz
    per_octave: int  # bands
    window: int  # which of WINDOWS
    lag: float  # seconds between now and the past it is compared with
    span: float  # seconds of that past
    neighbours: int  # bands to either side where the past may have been as loud
    above_floor: float  # times the noise floor: what is below does not count
    below_loudest: float  # likewise, of the loudest band lately
    threshold: float  # growth, decades on average over the bands
    adapt: float  # how much of its own mean is added to that


REGISTERS = (  # in the order of their windows
    Register(30, 1200, 12, 0, 0.0203, 0.0290, 0, 2.66, 0.0105, 0.0439, 1.48),
    Register(1200, 4800, 6, 1, 0.0145, 0.0261, 1, 0.452, 0.00154, 0.1024, 1.12),
    Register(4800, 16000, 6, 1, 0.0058, 0.0145, 0, 2.21, 0.00191, 0.0370, 1.05),
)


class _Listeners:
    """All registers at once, their bands end to end in one vector."""

    def __init__(self, samplerate: int, seconds: float) -> None:
        """``seconds`` between steps."""
        self._spectra = [Spectrum(fft_length(length, samplerate), round(rise * samplerate), samplerate)
                         for length, rise in WINDOWS]
        own = [log_bands(self._spectra[r.window].frequencies, r.low, r.high, r.per_octave) for r in REGISTERS]
        self._weights = [np.concatenate([w for w, r in zip(own, REGISTERS, strict=True) if r.window == window])
                         for window in range(len(WINDOWS))]
        self._counts = np.array([len(weights) for weights in own])  # bands of each register
        self._shares = (1.0 / self._counts).astype(np.float32)
        self._starts = np.cumsum(self._counts) - self._counts
        self._floor = NoiseFloor(self._bands([spectrum.pink(ROOM_DBFS) for spectrum in self._spectra]), seconds)
        self._above_floor = np.repeat(self._column("above_floor"), self._counts)  # [bands]
        self._below_loudest = self._column("below_loudest")  # [registers]
        self._threshold, self._adapt = self._column("threshold"), self._column("adapt")
        self._spans = [(max(1, round(r.lag / seconds)), max(1, round(r.span / seconds))) for r in REGISTERS]
        depth = max(lag + span - 1 for lag, span in self._spans)
        self._past = np.full((depth, int(self._counts.sum())), -9.0, np.float32)  # oldest first
        self._loudest = np.zeros(len(REGISTERS), np.float32)
        self._fullest = np.full(len(REGISTERS), 1e-9, np.float32)
        self._mean = np.zeros(len(REGISTERS), np.float32)
        self._decay = np.float32(math.exp(-seconds / LEVEL_SECONDS))
        self._share = np.float32(1.0 - math.exp(-seconds / MEAN_SECONDS))
        self.memory = max(spectrum.length for spectrum in self._spectra)  # samples a step needs

    def __call__(self, samples: Vector, caution: float) -> tuple[float, float]:
        """Return the joint novelty of the newest of ``samples`` [memory], and its strength 0..1.

        A novelty of 1 is the threshold of an onset. ``caution`` (1 or more) lifts the noise floor.
        """
        bands = self._bands([spectrum(samples) for spectrum in self._spectra])
        self._loudest = np.maximum(np.maximum.reduceat(bands, self._starts), self._loudest * self._decay)
        least = np.maximum(self._floor(bands) * (self._above_floor * np.float32(caution)),
                           np.repeat(self._below_loudest * self._loudest, self._counts))
        level = np.log10(bands + least)
        before = np.maximum(self._before(), np.log10(least))
        self._remember(level)
        growth = self._average(np.clip(level - before, 0.0, MOST_GROWTH))
        novelty = growth / (self._threshold + self._adapt * self._mean)
        self._mean += self._share * (growth - self._mean)
        # How hard it is hit: what was added, against the most there was lately, both as amplitudes.
        self._fullest = np.maximum(self._average(bands), self._fullest * self._decay)
        added = self._average(np.maximum(bands + least - 10.0 ** before, 0.0)) / self._fullest
        return float(np.sum(novelty ** POWER) ** (1.0 / POWER)), min(1.0, math.sqrt(float(added.max())))

    def _bands(self, magnitudes: Sequence[Vector]) -> Vector:
        """Return the bands of all registers [bands] from the magnitudes [bins] in each window."""
        return np.concatenate([w @ m for w, m in zip(self._weights, magnitudes, strict=True)])

    def _before(self) -> Vector:
        """Return the most there was in each band over its register's stretch of the past [bands]."""
        depth = len(self._past)
        parts = zip(self._spans, self._starts.tolist(), self._counts.tolist(), strict=True)
        return np.concatenate([
            self._past[depth - lag - span + 1:depth - lag + 1, start:start + count].max(axis=0)
            for (lag, span), start, count in parts
        ])

    def _remember(self, level: Vector) -> None:
        """Append a step to the past, each band as loud as the loudest of its neighbours."""
        self._past[:-1] = self._past[1:]
        newest = self._past[-1]
        newest[:] = level
        for register, start, count in zip(REGISTERS, self._starts, self._counts, strict=True):
            for shift in range(1, register.neighbours + 1):
                here, there = newest[start:start + count], level[start:start + count]
                np.maximum(here[shift:], there[:-shift], out=here[shift:])
                np.maximum(here[:-shift], there[shift:], out=here[:-shift])

    def _average(self, bands: Vector) -> Vector:
        """Return the mean over the bands of each register [registers]."""
        means: Vector = np.add.reduceat(bands, self._starts) * self._shares
        return means

    @staticmethod
    def _column(name: str) -> Vector:
        """Return one property of all registers [registers]."""
        return np.array([getattr(register, name) for register in REGISTERS], np.float32)


class OnsetDetector:
    """Finds the onsets of a stream hop by hop."""

    def __init__(self, samplerate: int, hop_length: int) -> None:
        """``samplerate`` in Hz, ``hop_length`` in samples."""
        self._samplerate, self._hop_length = samplerate, hop_length
        self._steps = steps_per_hop(hop_length, samplerate)
        self._seconds = hop_length / self._steps / samplerate
        self._listeners = _Listeners(samplerate, self._seconds)
        self._samples = np.zeros(self._listeners.memory, np.float32)
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
        strongest = 0.0
        onsets = []
        for end in range(len(self._samples) + step, len(samples) + 1, step):
            caution = 1.0 + START_CAUTION * math.exp(-self._taken * self._seconds / START_SECONDS)
            self._taken += 1
            novelty, strength = self._listeners(samples[end - len(self._samples):end], caution)
            sure = min(1.0, max(0.0, (novelty - DEAF) / (SURE - DEAF)))
            strongest = max(strongest, sure * strength)
            if self._is_onset(novelty):
                onsets.append(Onset(
                    time=max(0.0, self._taken * self._seconds - LEAD_SECONDS),
                    heard_at=self._heard * self._hop_length / self._samplerate,
                    strength=strength))
        return strongest, tuple(onsets)

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
