"""Onsets: the start of each sound, known a few milliseconds after it happened.

A small network listens to two spectra, one long enough to tell low notes apart, one short
enough to be quick, and says at each step of three milliseconds how likely it is that a sound began
within the last twenty. That is an onset at once, not when the peak is over. (After Böck, Arzt, Krebs and
Schedl, "Online real-time onset detection with recurrent neural networks", DAFx 2012; beside the levels it hears
their growth over the loudest of the recent past, as in Böck and Widmer, "Maximum filter vibrato suppression for
onset detection", DAFx 2013, and over the usual, as in Stowell and Plumbley, "Adaptive whitening for improved
real-time audio onset detection", ICMC 2007.) What begins too softly to be known by then is not
reported at all: late is worse than never for a picture that moves with the sound.

The weights, onset.npz beside this file, are the project's own and under its licence, taught with synthesised
songs alone by the recipe in benchmarks/README.md (tools/onsets/teach.py). tools/onsets/evaluate.py measures it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from engine.audio.hearing.onset_network import OnsetNetwork
from engine.audio.hearing.spectrum import NoiseFloor, Spectrum, Vector, fft_length, log_centres, triangles
from engine.borders.features import Onset

STEP_SECONDS = 128 / 44100  # about; a power of two of samples
# Length and rise in seconds of two windows, their bands (Hz, Hz, per octave, Hz apart at least),
# and steps back to the past that growth is measured over: nearest and furthest.
WINDOWS = ((0.0464, 0.004), (0.0116, 0.002))
BANDS = ((40.0, 1250.0, 12.0, 22.0), (200.0, 16500.0, 5.0, 90.0))
PAST = ((5, 14), (2, 8))
SLOW_SECONDS = 0.5  # what is usual is a mean over this
PEAK_DECADES = (1.0, 0.1)  # a second: how fast two peaks of each band fall that levels are compared with
NEAR = 2  # steps back for the short difference
MEMORY = max(last for _, last in PAST)  # steps of level that growth needs
VIEWS = 4 + len(PEAK_DECADES)  # of each level
ROOM_DBFS = -50.0  # steady noise up to this level (pink, RMS) has no onsets
LEVEL_SECONDS = 3.7  # the fullest lately decays over this; strength is measured against it
SPLITS_HZ = (1200.0, 5000.0)  # between the registers whose strengths are told apart
THRESHOLD = 0.5  # a likelihood that is an onset
REARM = 0.75  # of that: so low it must fall before the next onset
ROOM_MARGIN = (1.9, 1.9, 1.5)  # times that noise, register by register: the most it sways
START_SECONDS = 0.1  # so long only what is above that is believed: a stream that begins in noise is no onset
GAP_SECONDS = 0.050  # two onsets are never closer
LEAD_SECONDS = 0.006  # from the start of a sound to the crossing, as measured: an onset is dated back by it
SHOWN = 0.5  # of the threshold: strength begins to show


class Ear:
    """The levels of all bands, in decades above the room's noise."""

    def __init__(self, samplerate: int) -> None:
        """``samplerate`` in Hz."""
        self.step = 2 ** round(math.log2(STEP_SECONDS * samplerate))  # samples
        self.seconds = self.step / samplerate
        self._spectra = [Spectrum(fft_length(length, samplerate), round(rise * samplerate), samplerate, 1.2 * bands[1])
                         for (length, rise), bands in zip(WINDOWS, BANDS, strict=True)]
        centres = [log_centres(*bands) for bands in BANDS]
        self.counts = [len(own) for own in centres]  # bands in each window
        self.centres = np.concatenate(centres)  # Hz [bands]
        self._weights = [triangles(s.frequencies, own).T.copy() for s, own in zip(self._spectra, centres, strict=True)]
        self.memory = max(spectrum.length for spectrum in self._spectra)  # samples a step needs
        self._floor = NoiseFloor(self._join([spectrum.pink(ROOM_DBFS) for spectrum in self._spectra]), self.seconds)

    @property
    def floor(self) -> Vector:
        """What levels are relative to, as magnitudes [bands]."""
        return self._floor.level

    def bands(self, samples: Vector) -> Vector:
        """Return the magnitudes [..., bands] of the newest of ``samples`` [..., memory]."""
        return self._join([spectrum(samples) for spectrum in self._spectra])

    def level(self, bands: Vector) -> Vector:
        """Return the levels [bands] of a step's magnitudes [bands]; call it once a step."""
        levels: Vector = np.log10(1.0 + bands / self._floor(bands))
        return levels

    def _join(self, magnitudes: Sequence[Vector]) -> Vector:
        return np.concatenate([m @ w for m, w in zip(magnitudes, self._weights, strict=True)], axis=-1)


class OnsetDetector:
    """Finds the onsets of a stream, whatever the blocks it comes in."""

    def __init__(self, samplerate: int) -> None:
        """``samplerate`` in Hz."""
        self._samplerate = samplerate
        self._ear = Ear(samplerate)
        self._network = OnsetNetwork(VIEWS * len(self._ear.centres))
        self._samples = np.zeros(self._ear.memory, np.float32)  # those of the last step, then those since
        self._levels = np.zeros((MEMORY + 1, len(self._ear.centres)), np.float32)  # newest last
        self._slow = np.zeros(len(self._ear.centres), np.float32)
        self._peaks = np.zeros((len(PEAK_DECADES), len(self._ear.centres)), np.float32)
        self._fall = np.array(PEAK_DECADES, np.float32)[:, None] * np.float32(self._ear.seconds)
        self._views = np.zeros((VIEWS, len(self._ear.centres)), np.float32)
        self._share = np.float32(1.0 - math.exp(-self._ear.seconds / SLOW_SECONDS))
        self._starts = np.searchsorted(self._ear.centres[self._ear.counts[0]:], SPLITS_HZ) + self._ear.counts[0]
        self._starts = np.concatenate([[0], self._starts])
        self._shares = (1.0 / np.diff(np.append(self._starts, len(self._ear.centres)))).astype(np.float32)
        self._room = self._average(self._ear.floor) * np.array(ROOM_MARGIN, np.float32)  # [registers]
        self._begun = False  # whether more than a room was heard, or for long enough
        self._fullest = np.full(len(self._starts), 1e-9, np.float32)
        self._decay = np.float32(math.exp(-self._ear.seconds / LEVEL_SECONDS))
        self._heard = 0  # samples
        self._steps = 0
        self._last = -math.inf  # seconds
        self._armed = True

    def __call__(self, block: Vector) -> tuple[float, tuple[Onset, ...]]:
        """Return the strength 0..1 of what began in a block [samples], and the onsets in it."""
        self._heard += len(block)
        samples = np.concatenate([self._samples, block])
        memory, step = self._ear.memory, self._ear.step
        strongest, start = 0.0, 0
        onsets = []
        while start + memory + step <= len(samples):
            start += step
            likelihood, strength = self._take(samples[start:start + memory])
            evidence = likelihood / THRESHOLD
            shown = min(1.0, max(0.0, (evidence - SHOWN) / (1.0 - SHOWN)))
            strongest = max(strongest, shown * strength)
            if self._begins(evidence):
                onsets.append(Onset(
                    time=max(0.0, self._steps * self._ear.seconds - LEAD_SECONDS),
                    heard_at=self._heard / self._samplerate,
                    strength=strength))
        self._samples = samples[start:]
        return strongest, tuple(onsets)

    def _take(self, samples: Vector) -> tuple[float, float]:
        """Return for the newest of ``samples`` [memory] how likely and how strongly a sound just began."""
        self._steps += 1
        bands = self._ear.bands(samples)
        self._levels[:-1] = self._levels[1:]
        level = self._levels[-1] = self._ear.level(bands)
        past = self._past()
        likelihood = self._network(self._look(level, past).ravel())
        # How hard it is hit: what was added, against the most there was lately, both as amplitudes.
        floor = self._ear.floor
        full = self._average(bands)
        self._fullest = np.maximum(full, self._fullest * self._decay)
        if not self._begun:
            self._begun = self._steps * self._ear.seconds >= START_SECONDS or bool((full > self._room).any())
            if not self._begun:
                return 0.0, 0.0
        added = np.maximum(10.0 ** level - 10.0 ** past, 0.0) * floor
        return likelihood, min(1.0, math.sqrt(float((self._average(added) / self._fullest).max())))

    def _look(self, level: Vector, past: Vector) -> Vector:
        """Return a step's views [VIEWS, bands]: its level, and its growth over what was."""
        views = self._views
        self._slow += self._share * (level - self._slow)
        views[0] = level
        np.subtract(level, self._levels[-1 - NEAR], out=views[1])
        np.maximum(level - past, 0.0, out=views[2])
        np.subtract(level, self._slow, out=views[3])
        self._peaks -= self._fall
        np.maximum(self._peaks, 0.0, out=self._peaks)
        np.subtract(level, self._peaks, out=views[4:])
        np.maximum(self._peaks, level, out=self._peaks)
        return views

    def _past(self) -> Vector:
        """Return the most there was in each band over its window's stretch of the past [bands]."""
        split = self._ear.counts[0]
        return np.concatenate([
            self._levels[MEMORY - last:MEMORY - first + 1, part].max(axis=0)
            for (first, last), part in zip(PAST, (slice(0, split), slice(split, None)), strict=True)])

    def _average(self, bands: Vector) -> Vector:
        """Return the mean over the bands of each register [registers]."""
        means: Vector = np.add.reduceat(bands, self._starts) * self._shares
        return means

    def _begins(self, evidence: float) -> bool:
        """Tell whether this step begins an onset: enough evidence (1), which is not that of the last one."""
        now = self._steps * self._ear.seconds
        self._armed = self._armed or evidence < REARM
        begins = self._armed and evidence > 1.0 and now - self._last > GAP_SECONDS
        if begins:
            self._last, self._armed = now, False
        return begins
