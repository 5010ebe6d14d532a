"""Onsets: the start of each sound, reported a few milliseconds after it.

A small network reads two spectra: a long one that separates low notes and a short one that reacts early. At each
step of three milliseconds it returns the likelihood that a sound began within the last twenty. A likelihood above
the threshold is an onset at once; the detector does not wait for the peak to end.

The method follows Böck, Arzt, Krebs and Schedl, "Online real-time onset detection with recurrent neural networks",
DAFx 2012. Besides each band's level the network reads the level's growth over the maximum of the recent past (Böck
and Widmer, "Maximum filter vibrato suppression for onset detection", DAFx 2013) and over its running mean and peak
(Stowell and Plumbley, "Adaptive whitening for improved real-time audio onset detection", ICMC 2007). A sound that
begins too softly to be recognised within that time is not reported: in a picture that moves with the sound, a late
reaction is worse than none.

The weights, onset.npz beside this file, belong to the project and have its licence. They were trained on synthesised
songs and then on recorded ones; onset.md tells how. tools/onsets/evaluate.py and benchmarks/ears.py measure them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from engine.audio.hearing.drums import Drums
from engine.audio.hearing.onset_network import OnsetNetwork
from engine.audio.hearing.spectrum import NoiseFloor, Spectrum, Vector, fft_length, log_centres, triangles
from engine.borders.features import Onset

STEP_SECONDS = 128 / 44100  # length of a step, which is rounded to a power of two of samples
# The next three have one row for each of the two windows.
WINDOWS = ((0.0464, 0.004), (0.0116, 0.002))  # seconds; length and rise
BANDS = ((40.0, 1250.0, 12.0, 22.0), (200.0, 16500.0, 5.0, 90.0))  # Hz, Hz, per octave, Hz: range, density, least gap
PAST = ((5, 14), (2, 8))  # steps back; the nearest and the furthest level that growth is measured against
SLOW_SECONDS = 0.5  # time constant of each band's running mean
PEAK_DECADES = (1.0, 0.1)  # decades per second; decay of each band's two peak followers
DIFFERENCE_STEPS = 2  # steps back; the level that the short difference subtracts
MEMORY = max(last for _, last in PAST)  # steps; past levels that growth needs
VIEWS = 4 + len(PEAK_DECADES)  # values per band; the network's inputs
ROOM_DBFS = -50.0  # RMS level; steady pink noise up to here has no onsets
LEVEL_SECONDS = 3.7  # time constant of the decaying maximum that strength is relative to
SPLITS_HZ = (1200.0, 5000.0)  # borders of the three registers; each has its own strength
# In dense or soft music the network is never sure: the threshold follows how sure it was of late.
LEAST_THRESHOLD, THRESHOLD = 0.12, 0.5  # likelihoods; a step above the threshold, which lies between, is an onset
SURE_SHARE, SURE_SECONDS = 0.5, 3.0  # of the highest recent likelihood: the threshold; that one's time constant
REARM = 0.75  # of the threshold; the likelihood falls below it before there is another onset
ROOM_PEAK_RATIO = (1.9, 1.9, 1.5)  # peak-to-mean ratio of the room's noise, per register
START_SECONDS = 0.1  # from the start of a stream; until then noise of the room is no onset
GAP_SECONDS = 0.050  # least time between two onsets
LEAD_SECONDS = 0.006  # measured delay from a sound's start to the threshold; an onset's time is corrected by it
STRENGTH_FROM = 0.5  # of the threshold; a likelihood up to here gives a strength of 0


class Ear:
    """The levels of all bands of both windows, in decades above the room's noise."""

    def __init__(self, samplerate: int) -> None:
        """``samplerate`` in Hz."""
        self.step = 2 ** round(math.log2(STEP_SECONDS * samplerate))  # samples
        self.seconds = self.step / samplerate
        self._spectra = [
            Spectrum(fft_length(length, samplerate), round(rise * samplerate), samplerate, 1.2 * bands[1])
            for (length, rise), bands in zip(WINDOWS, BANDS, strict=True)
        ]
        centres = [log_centres(*bands) for bands in BANDS]
        self.counts = [len(own) for own in centres]  # bands in each window
        self.centres = np.concatenate(centres)  # Hz [bands]
        self._weights = [triangles(s.frequencies, own).T.copy() for s, own in zip(self._spectra, centres, strict=True)]
        self.memory = max(spectrum.length for spectrum in self._spectra)  # samples that a step reads
        self._floor = NoiseFloor(self._join([spectrum.pink(ROOM_DBFS) for spectrum in self._spectra]), self.seconds)

    @property
    def floor(self) -> Vector:
        """Return the magnitudes [bands] that levels are relative to."""
        return self._floor.level

    def bands(self, samples: Vector) -> Vector:
        """Return the magnitudes [..., bands] of the newest of ``samples`` [..., memory]."""
        return self._join([spectrum(samples) for spectrum in self._spectra])

    def steps(self, samples: Vector) -> list[Vector]:
        """Return the magnitudes [bands] of each step in ``samples``, which begin with the memory of the step before.

        They do not depend on how many steps there are: only the transforms are taken together.
        """
        count = (len(samples) - self.memory) // self.step
        size = samples.itemsize
        frames: Vector = np.ndarray(  # of each step, the samples up to its end; nothing is copied
            (max(0, count), self.memory), np.float32, samples, self.step * size, (self.step * size, size)
        )
        spectra = [spectrum(frames) for spectrum in self._spectra] if count > 0 else []
        return [self._join(each) for each in zip(*spectra, strict=True)]

    def level(self, bands: Vector) -> Vector:
        """Return the levels [bands] of a step's magnitudes [bands]. Call it once a step: it follows the noise."""
        levels: Vector = np.log10(1.0 + bands / self._floor(bands))
        return levels

    def _join(self, magnitudes: Sequence[Vector]) -> Vector:
        return np.concatenate([m @ w for m, w in zip(magnitudes, self._weights, strict=True)], axis=-1)


class OnsetDetector:
    """Finds the onsets of a stream. The size of the blocks does not matter."""

    def __init__(self, samplerate: int) -> None:
        """``samplerate`` in Hz."""
        self._samplerate = samplerate
        self._ear = Ear(samplerate)
        self.step = self._ear.step  # samples
        self._network = OnsetNetwork(VIEWS * len(self._ear.centres))
        self._drums = Drums(self._ear.seconds)
        self.struck = (0.0, 0.0, 0.0)  # kick, snare and hat in the last block: how hard, 0..1
        self._samples = np.zeros(self._ear.memory, np.float32)  # samples of the last step, then the newer ones
        self._levels = np.zeros((MEMORY + 1, len(self._ear.centres)), np.float32)  # newest last
        self._past = np.zeros(len(self._ear.centres), np.float32)  # the highest level of the part that PAST gives
        split = self._ear.counts[0]
        self._pasts = [  # of each window: the levels of that part, and where their highest are written
            (self._levels[MEMORY - last : MEMORY - first + 1, part], self._past[part])
            for (first, last), part in zip(PAST, (slice(0, split), slice(split, None)), strict=True)
        ]
        self._slow = np.zeros(len(self._ear.centres), np.float32)
        self._peaks = np.zeros((len(PEAK_DECADES), len(self._ear.centres)), np.float32)
        self._fall = np.array(PEAK_DECADES, np.float32)[:, None] * np.float32(self._ear.seconds)
        self._views = np.zeros((VIEWS, len(self._ear.centres)), np.float32)
        self._share = np.float32(1.0 - math.exp(-self._ear.seconds / SLOW_SECONDS))
        self._starts = np.searchsorted(self._ear.centres[self._ear.counts[0] :], SPLITS_HZ) + self._ear.counts[0]
        self._starts = np.concatenate([[0], self._starts])
        self._shares = (1.0 / np.diff(np.append(self._starts, len(self._ear.centres)))).astype(np.float32)
        self._room = self._average(self._ear.floor) * np.array(ROOM_PEAK_RATIO, np.float32)  # [registers]
        self._begun = False  # whether the stream was louder than a room, or lasts longer than START_SECONDS
        self._fullest = np.full(len(self._starts), 1e-9, np.float32)
        self._decay = np.float32(math.exp(-self._ear.seconds / LEVEL_SECONDS))
        self._steps = 0
        self._last = -math.inf  # seconds
        self._armed = True
        self._sure = 0.0  # the highest recent likelihood
        self._doubt = math.exp(-self._ear.seconds / SURE_SECONDS)

    def __call__(self, block: Vector) -> tuple[float, tuple[Onset, ...]]:
        """Return the onset strength 0..1 of a block [samples], and the onsets in it.

        An onset is heard at the end of the step with which it was known; no later sample counts for it.
        """
        samples = np.concatenate([self._samples, block])
        strongest = 0.0
        onsets = []
        self.struck = (0.0, 0.0, 0.0)
        steps = self._ear.steps(samples)
        for bands in steps:
            likelihood = self._take(bands)
            evidence = likelihood / self._threshold(likelihood)
            strength = self._strength() if evidence > STRENGTH_FROM else 0.0
            shown = min(1.0, max(0.0, (evidence - STRENGTH_FROM) / (1.0 - STRENGTH_FROM)))
            strongest = max(strongest, shown * strength)
            if self._begins(evidence):
                now = self._steps * self._ear.step / self._samplerate
                onsets.append(Onset(time=max(0.0, now - LEAD_SECONDS), heard_at=now, strength=strength))
        self._samples = samples[len(steps) * self._ear.step :]
        return strongest, tuple(onsets)

    def _take(self, bands: Vector) -> float:
        """Return the likelihood, 0..1, of an onset in the next step, by its magnitudes [bands]."""
        self._steps += 1
        self._levels[:-1] = self._levels[1:]
        level = self._levels[-1] = self._ear.level(bands)
        for levels, highest in self._pasts:
            np.maximum.reduce(levels, axis=0, out=highest)
        views = self._look(level, self._past)
        likelihood = self._network(views.ravel())
        full = self._average(bands)
        self._fullest = np.maximum(full, self._fullest * self._decay)
        if not self._begun:
            self._begun = self._steps * self._ear.seconds >= START_SECONDS or bool((full > self._room).any())
            if not self._begun:
                return 0.0
        kick, snare, hat = map(max, self.struck, self._drums(views[2]))
        self.struck = (kick, snare, hat)
        return likelihood

    def _strength(self) -> float:
        """Return the amplitude 0..1 that the last step added, relative to the largest recent one."""
        added = np.maximum(10.0 ** self._levels[-1] - 10.0**self._past, 0.0) * self._ear.floor
        return min(1.0, math.sqrt(float((self._average(added) / self._fullest).max())))

    def _look(self, level: Vector, past: Vector) -> Vector:
        """Return the network's inputs [VIEWS, bands]: the level, and its growth over earlier levels, mean and peaks."""
        views = self._views
        self._slow += self._share * (level - self._slow)
        views[0] = level
        np.subtract(level, self._levels[-1 - DIFFERENCE_STEPS], out=views[1])
        np.maximum(level - past, 0.0, out=views[2])
        np.subtract(level, self._slow, out=views[3])
        self._peaks -= self._fall
        np.maximum(self._peaks, 0.0, out=self._peaks)
        np.subtract(level, self._peaks, out=views[4:])
        np.maximum(self._peaks, level, out=self._peaks)
        return views

    def _average(self, bands: Vector) -> Vector:
        """Return the mean over the bands of each register [registers]."""
        means: Vector = np.add.reduceat(bands, self._starts) * self._shares
        return means

    def _threshold(self, likelihood: float) -> float:
        """Return the likelihood above which a step is an onset, by how sure the network was of late."""
        self._sure = max(likelihood, self._sure * self._doubt)
        return min(THRESHOLD, max(LEAST_THRESHOLD, SURE_SHARE * self._sure))

    def _begins(self, evidence: float) -> bool:
        """Return whether an onset begins at this step: ``evidence`` is above 1 and fell since the last onset."""
        now = self._steps * self._ear.seconds
        self._armed = self._armed or evidence < REARM
        begins = self._armed and evidence > 1.0 and now - self._last > GAP_SECONDS
        if begins:
            self._last, self._armed = now, False
        return begins
