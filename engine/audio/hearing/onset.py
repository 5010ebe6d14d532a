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

import numpy as np

from engine.audio.hearing.drums import Drums
from engine.audio.hearing.ear import Ear, HalfSteps
from engine.audio.hearing.growth import Growth, mix
from engine.audio.hearing.onset_network import OnsetNetwork
from engine.audio.hearing.spectrum import Spectrum, Vector
from engine.borders.features import Onset

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


class OnsetDetector:
    """Finds the onsets of a stream. The size of the blocks does not matter."""

    def __init__(self, samplerate: int) -> None:
        """``samplerate`` in Hz."""
        self._samplerate = samplerate
        self._ear = Ear(samplerate)
        self.part = self._ear.half  # samples; an onset is known at the end of one
        self._halves = HalfSteps(self._ear)
        self._network = OnsetNetwork(mix(self._ear.seconds), len(self._ear.centres))
        self._growth = Growth(self._network.parts, self._ear.counts[0], self._ear.seconds)
        self._drums = Drums(self._ear.seconds)
        self.struck = (0.0, 0.0, 0.0)  # kick, snare and hat in the last block: how hard, 0..1
        self._means = _registers(self._ear.centres, self._ear.counts[0])
        room = self._means.dot(self._ear.floor) * np.array(ROOM_PEAK_RATIO, np.float32)
        self._room: list[float] = room.tolist()  # of each register
        self._begun = False  # whether the stream was louder than a room, or lasts longer than START_SECONDS
        self._fullest = [1e-9] * len(room)  # of each register, the decaying maximum of its mean
        self._decay = math.exp(-self._ear.seconds / LEVEL_SECONDS)
        self._steps = 0
        self._evidence = 0.0  # of an onset in the last step, in thresholds
        self._glanced = False  # half-way to the next step
        self._last = -math.inf  # seconds
        self._armed = True
        self._sure = 0.0  # the highest recent likelihood
        self._doubt = math.exp(-self._ear.seconds / SURE_SECONDS)

    @property
    def beside(self) -> Vector | None:
        """Return what the spectrum beside says of the last block; see `HalfSteps`."""
        return self._halves.beside

    def __call__(self, block: Vector, beside: Spectrum | None = None) -> tuple[float, tuple[Onset, ...]]:
        """Return the onset strength 0..1 of a block [samples], and the onsets in it.

        An onset is heard at the end of the step with which it was known; no later sample counts for it. ``beside`` is
        another spectrum that is wanted of the block's end.
        """
        strongest = 0.0
        onsets = []
        self.struck = (0.0, 0.0, 0.0)
        for bands in self._halves(block, beside):
            self._glanced = not self._glanced
            evidence, strength = self._glance(bands) if self._glanced else self._listen(bands)
            if evidence <= STRENGTH_FROM:
                continue
            shown = min(1.0, (evidence - STRENGTH_FROM) / (1.0 - STRENGTH_FROM))
            strongest = max(strongest, shown * strength)
            now = (self._steps * self._ear.step + self._glanced * self._ear.half) / self._samplerate
            if self._begins(evidence, now):
                onsets.append(Onset(time=max(0.0, now - LEAD_SECONDS), heard_at=now, strength=strength))
        return strongest, tuple(onsets)

    def _listen(self, bands: Vector) -> tuple[float, float]:
        """Return the evidence, in thresholds, of an onset in the next step [bands], and how strong it would be."""
        likelihood = self._take(bands)
        evidence = self._evidence = likelihood / self._threshold(likelihood)
        self._armed = self._armed or evidence < REARM
        strength = self._strength() if evidence > STRENGTH_FROM else 0.0
        self._growth.remember()
        return evidence, strength

    def _glance(self, bands: Vector) -> tuple[float, float]:
        """Return the same half-way to the next step [bands], 0 where it is not clear. Nothing is remembered.

        The network gets what it would get if the step ended here.
        """
        # What rises slowly would only be told because the question is another one, and late.
        if not self._begun or not self._armed or self._evidence > STRENGTH_FROM:
            return 0.0, 0.0
        self._ear.level(bands, follow=False, out=self._growth.level)
        self._growth.measure()
        if self._growth.mean() < GLANCE_DECADES:
            return 0.0, 0.0
        evidence = self._network(keep=False) / GLANCE_THRESHOLD
        return (evidence, self._strength()) if evidence > 1.0 else (0.0, 0.0)

    def _take(self, bands: Vector) -> float:
        """Return the likelihood, 0..1, of an onset in the next step, by its magnitudes [bands]."""
        self._steps += 1
        self._ear.level(bands, out=self._growth.level)
        self._growth.measure()
        likelihood = self._network()
        full = self._means.dot(bands).tolist()
        decay = self._decay
        self._fullest = [max(now, before * decay) for now, before in zip(full, self._fullest, strict=True)]
        if not self._begun:
            louder = any(now > room for now, room in zip(full, self._room, strict=True))
            self._begun = louder or self._steps * self._ear.seconds >= START_SECONDS
            if not self._begun:
                return 0.0
        struck = self._drums(self._growth.grown)
        if any(struck):
            kick, snare, hat = map(max, self.struck, struck)
            self.struck = (kick, snare, hat)
        return likelihood

    def _strength(self) -> float:
        """Return the amplitude 0..1 that the level adds to the past one, relative to the largest recent one."""
        added = np.maximum(10.0**self._growth.level - 10.0**self._growth.past, 0.0) * self._ear.floor
        means = self._means.dot(added).tolist()
        return min(1.0, math.sqrt(max(mean / full for mean, full in zip(means, self._fullest, strict=True))))

    def _threshold(self, likelihood: float) -> float:
        """Return the likelihood above which a step is an onset, by how sure the network was of late."""
        doubted = self._sure * self._doubt
        self._sure = likelihood if likelihood > doubted else doubted
        return min(THRESHOLD, max(LEAST_THRESHOLD, SURE_SHARE * self._sure))

    def _begins(self, evidence: float, now: float) -> bool:
        """Return whether an onset begins at ``now`` (s): ``evidence`` is above 1 and fell since the last onset."""
        begins = self._armed and evidence > 1.0 and now - self._last > GAP_SECONDS
        if begins:
            self._last, self._armed = now, False
        return begins


def _registers(centres: Vector, split: int) -> Vector:
    """Return the matrix [registers, bands] of the mean over each register's bands; the first has the long window's."""
    starts = [0, *(np.searchsorted(centres[split:], SPLITS_HZ) + split).tolist(), len(centres)]
    means = np.zeros((len(starts) - 1, len(centres)), np.float32)
    for mean, begin, end in zip(means, starts, starts[1:], strict=False):
        mean[begin:end] = 1.0 / (end - begin)
    return means
