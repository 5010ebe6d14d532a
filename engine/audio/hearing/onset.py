"""Onsets: the start of each sound, reported a few milliseconds after it.

A small network reads two spectra: a long one that separates low notes and a short one that reacts early. At each
step of three milliseconds it returns the likelihood that a sound began within the last twenty. A likelihood above
the threshold is an onset at once; the detector does not wait for the peak to end. Half-way to the next step the
network is asked, too, where the sound has grown by then; that answer must be clearer, and is not remembered.

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
GLANCE_DECADES = 0.02  # mean growth of all bands half-way to a step; below it the network is not asked there
GLANCE_THRESHOLD = 0.75  # likelihood; one above it is an onset half-way to a step
STRENGTH_FROM = 0.5  # of the threshold; a likelihood up to here gives a strength of 0


class Ear:
    """The levels of all bands of both windows, in decades above the room's noise."""

    def __init__(self, samplerate: int) -> None:
        """``samplerate`` in Hz."""
        self.step = 2 ** round(math.log2(STEP_SECONDS * samplerate))  # samples
        self.half = self.step // 2  # samples
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

    def halves(self, samples: Vector, glanced: bool = False) -> list[Vector]:
        """Return the magnitudes [bands] at each half step in ``samples``, which begin with the memory of a whole step.

        The first half is left out if it was ``glanced`` at before. What is returned does not depend on how many steps
        there are: only the transforms are taken together.
        """
        begin = self.step if glanced else self.half
        count = (len(samples) - self.memory - begin) // self.half + 1
        size = samples.itemsize
        frames: Vector = np.ndarray(  # of each half step, the samples up to its end; nothing is copied
            (max(0, count), self.memory), np.float32, samples, begin * size, (self.half * size, size)
        )
        spectra = [spectrum(frames) for spectrum in self._spectra] if count > 0 else []
        return [self._join(each) for each in zip(*spectra, strict=True)]

    def level(self, bands: Vector, follow: bool = True) -> Vector:
        """Return the levels [bands] of magnitudes [bands].

        Call it once a step: it follows the noise. Without ``follow`` the noise is that of the last step.
        """
        levels: Vector = np.log10(1.0 + bands / (self._floor(bands) if follow else self.floor))
        return levels

    def _join(self, magnitudes: Sequence[Vector]) -> Vector:
        return np.concatenate([m @ w for m, w in zip(magnitudes, self._weights, strict=True)], axis=-1)


class OnsetDetector:
    """Finds the onsets of a stream. The size of the blocks does not matter."""

    def __init__(self, samplerate: int) -> None:
        """``samplerate`` in Hz."""
        self._samplerate = samplerate
        self._ear = Ear(samplerate)
        self.part = self._ear.half  # samples; an onset is known at the end of one
        self._network = OnsetNetwork(VIEWS * len(self._ear.centres))
        self._drums = Drums(self._ear.seconds)
        self.struck = (0.0, 0.0, 0.0)  # kick, snare and hat in the last block: how hard, 0..1
        self._samples = np.zeros(self._ear.memory, np.float32)  # samples of the last step, then the newer ones
        self._levels = np.zeros((MEMORY + 1, len(self._ear.centres)), np.float32)  # newest last
        self._past = np.zeros(len(self._ear.centres), np.float32)  # the highest of the levels that PAST gives
        self._ahead = np.zeros_like(self._past)  # the same, half-way to the next step
        split = self._ear.counts[0]
        self._parts = tuple(zip(PAST, (slice(0, split), slice(split, None)), strict=True))  # the bands of each window
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
        self._evidence = 0.0  # of an onset in the last step, in thresholds
        self._glanced = False  # half-way to the next step
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
        begin = self._steps
        for bands in self._ear.halves(samples, self._glanced):
            self._glanced = not self._glanced
            evidence, strength = self._glance(bands) if self._glanced else self._listen(bands)
            shown = min(1.0, max(0.0, (evidence - STRENGTH_FROM) / (1.0 - STRENGTH_FROM)))
            strongest = max(strongest, shown * strength)
            now = (self._steps * self._ear.step + self._glanced * self._ear.half) / self._samplerate
            if self._begins(evidence, now):
                onsets.append(Onset(time=max(0.0, now - LEAD_SECONDS), heard_at=now, strength=strength))
        self._samples = samples[(self._steps - begin) * self._ear.step :]
        return strongest, tuple(onsets)

    def _listen(self, bands: Vector) -> tuple[float, float]:
        """Return the evidence, in thresholds, of an onset in the next step [bands], and how strong it would be."""
        likelihood = self._take(bands)
        evidence = self._evidence = likelihood / self._threshold(likelihood)
        self._armed = self._armed or evidence < REARM
        return evidence, self._strength(self._levels[-1], self._past) if evidence > STRENGTH_FROM else 0.0

    def _glance(self, bands: Vector) -> tuple[float, float]:
        """Return the same half-way to the next step [bands], 0 where it is not clear. Nothing is remembered.

        The network gets what it would get if the step ended here.
        """
        # What rises slowly would only be told because the question is another one, and late.
        if not self._begun or not self._armed or self._evidence > STRENGTH_FROM:
            return 0.0, 0.0
        level = self._ear.level(bands, follow=False)
        past = self._highest(self._ahead, 1)
        grown = np.maximum(level - past, 0.0)
        if float(np.add.reduce(grown)) < GLANCE_DECADES * len(grown):
            return 0.0, 0.0
        views = np.empty_like(self._views)
        views[0], views[2] = level, grown
        np.subtract(level, self._levels[-DIFFERENCE_STEPS], out=views[1])
        views[3] = (1.0 - self._share) * (level - self._slow)
        np.subtract(level, np.maximum(self._peaks - self._fall, 0.0), out=views[4:])
        likelihood = self._network(views.ravel(), keep=False)
        evidence = likelihood / GLANCE_THRESHOLD
        return (evidence, self._strength(level, past)) if evidence > 1.0 else (0.0, 0.0)

    def _take(self, bands: Vector) -> float:
        """Return the likelihood, 0..1, of an onset in the next step, by its magnitudes [bands]."""
        self._steps += 1
        self._levels[:-1] = self._levels[1:]
        level = self._levels[-1] = self._ear.level(bands)
        views = self._look(level, self._highest(self._past))
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

    def _highest(self, out: Vector, ahead: int = 0) -> Vector:
        """Return ``out`` with the highest of the levels [bands] that growth is measured against, ``ahead`` steps on."""
        last = MEMORY + 1 + ahead
        for (near, far), part in self._parts:
            np.maximum.reduce(self._levels[last - far - 1 : last - near, part], axis=0, out=out[part])
        return out

    def _strength(self, level: Vector, past: Vector) -> float:
        """Return the amplitude 0..1 that ``level`` adds to ``past`` [bands], relative to the largest recent one."""
        added = np.maximum(10.0**level - 10.0**past, 0.0) * self._ear.floor
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

    def _begins(self, evidence: float, now: float) -> bool:
        """Return whether an onset begins at ``now`` (s): ``evidence`` is above 1 and fell since the last onset."""
        begins = self._armed and evidence > 1.0 and now - self._last > GAP_SECONDS
        if begins:
            self._last, self._armed = now, False
        return begins
