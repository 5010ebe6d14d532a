"""The analyser: one hop of samples in, one AudioFeatures out. Songs and live inputs use the same one."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.audio.hearing import known
from engine.audio.hearing.bands import WIDE, Bands
from engine.audio.hearing.filters import Filters
from engine.audio.hearing.known import Array
from engine.audio.hearing.loudness import Drop, Level, Loudness
from engine.audio.hearing.onset import OnsetDetector
from engine.audio.hearing.pitch import PitchClass
from engine.audio.hearing.spectrum import Spectrum, Vector, fft_length
from engine.audio.hearing.tempo import TempoTracker
from engine.borders.features import AudioFeatures, Onset

HOP_LENGTH = 256  # samples; one hop gives one AudioFeatures
WINDOW_SECONDS, WINDOW_RISE_SECONDS = 0.0464, 0.016  # length and rise of the window behind bands and centroid
RMS_SECONDS = 0.025  # length of the RMS window: one period of 40 Hz
FLUX_SECONDS = 0.012  # back, to the spectrum that growth is measured against
CENTROID_SECONDS = 0.03  # time constant of the centroid's smoothing


class Scope:
    """The newest sound: its samples without rumble, and their spectrum."""

    def __init__(self, samplerate: int, hop_length: int) -> None:
        """``samplerate`` in Hz, ``hop_length`` in samples."""
        length = fft_length(WINDOW_SECONDS, samplerate)
        self.spectrum = Spectrum(length, round(WINDOW_RISE_SECONDS * samplerate), samplerate)
        self.wave = np.zeros(max(length, hop_length), np.float32)  # oldest first

    def take(self, clean: Vector) -> None:
        """Take the next samples."""
        self.wave = np.concatenate([self.wave[len(clean) :], clean])

    def magnitudes(self) -> Vector:
        """Return the spectrum of the newest samples [bins]."""
        return self.spectrum(self.wave)


class _Began(NamedTuple):
    """What began in a hop, or in the first part of one."""

    strength: float  # 0..1
    onsets: tuple[Onset, ...]
    struck: tuple[float, float, float]  # kick, snare and hat, 0..1


_NOTHING_BEGAN = _Began(0.0, (), (0.0, 0.0, 0.0))


class Analyser:
    """Turns a stream into features, hop by hop.

    The same samples give the same features, bit for bit. Every time constant is in seconds, so samplerate and
    hop length change only the resolution in time.
    """

    SCRATCH = ("_growth",)

    def __init__(self, samplerate: int = 44100, hop_length: int = HOP_LENGTH, filters: Filters | None = None) -> None:
        """``samplerate`` in Hz, ``hop_length`` in samples; ``filters`` have heard what went by before."""
        self.samplerate, self.hop_length = samplerate, hop_length
        self._onsets = OnsetDetector(samplerate)
        step = self._onsets.part  # samples; nothing is known within them
        self._step = hop_length if hop_length % step else step  # samples
        self.filters = filters or Filters(samplerate, self._step)
        self._scope = Scope(samplerate, hop_length)
        spectrum = self._scope.spectrum
        self._bands = Bands(spectrum, hop_length / samplerate)
        self._loudness = Loudness(samplerate, hop_length, self.filters)
        self._level = Level(hop_length / samplerate)
        self._drop = Drop(hop_length / samplerate)
        self._pitch = PitchClass(spectrum.frequencies, hop_length / samplerate)
        bins, back = len(spectrum.frequencies), max(1, round(FLUX_SECONDS * samplerate / hop_length))
        self._earlier = deque([np.zeros(bins, np.float32)] * back, maxlen=back)  # magnitudes, oldest first
        self._weights = np.stack([np.ones(bins), spectrum.frequencies]).astype(np.float32)  # of sum and centroid
        self._growth = np.zeros(bins, np.float32)
        self._none = np.zeros(bins, np.float32)
        self._tempo = TempoTracker(samplerate, hop_length)
        self._rms_samples = max(hop_length, round(RMS_SECONDS * samplerate))
        self._centroid_share = 1.0 - math.exp(-hop_length / samplerate / CENTROID_SECONDS)
        self._centroid = 0.0
        self._hops = 0
        self._begun = np.zeros(0, np.float32)  # clean samples of a hop that is not whole yet
        self._told = _NOTHING_BEGAN  # in them
        self._last = AudioFeatures()

    def __call__(self, hop: NDArray[np.float32]) -> AudioFeatures:
        """Return the features at the end of ``hop``: mono float32 [hop_length], nominally -1..1.

        NaN and infinity count as silence. Raises ValueError for another number of samples.
        """
        if hop.shape != (self.hop_length,):
            raise ValueError(f"a hop has {self.hop_length} samples, not {hop.shape}")
        began = self._began(hop)
        clean, self._begun, self._told = self._begun, self._begun[:0], _NOTHING_BEGAN
        self._scope.take(clean)
        self._hops += 1
        beside = self._onsets.beside
        magnitudes = self._scope.magnitudes() if beside is None else beside
        bands = self._bands(magnitudes)
        bass, mid, treble = bands[:WIDE]
        gate = self._bands.gate
        sounding = gate > 0.5
        kick, snare, hat = began.struck if sounding else (0.0, 0.0, 0.0)
        self._pitch(magnitudes, gate)
        self._tempo(clean, sounding, self._pitch.now)
        self._loudness(clean, gate)
        newest = self._scope.wave[-self._rms_samples :]
        rms = min(1.0, math.sqrt(float(newest.dot(newest)) / len(newest)))
        total, weighted = self._weights.dot(magnitudes).tolist()
        self._last = AudioFeatures(
            time=self._hops * self.hop_length / self.samplerate,
            rms=rms,
            level=self._level(rms),
            bass=bass,
            mid=mid,
            treble=treble,
            onset_strength=began.strength * gate,
            onsets=began.onsets,
            bpm=self._tempo.bpm,
            beat_phase=self._tempo.phase,
            beat_confidence=self._tempo.confidence,
            spectral_centroid=self._follow_centroid(weighted, total),
            bands=tuple(bands[WIDE:]),
            loudness=self._loudness.lufs,
            energy_trend=self._loudness.trend,
            spectral_flux=self._flux(magnitudes, total) * gate,
            kick=kick,
            snare=snare,
            hat=hat,
            drop=self._drop(bass, sounding),
            pitch_class=self._pitch.value,
            bar_beats=self._tempo.bar_beats,
            bar_phase=self._tempo.bar_phase,
            bar_confidence=self._tempo.bar_confidence,
            wave=self._scope.wave,
            spectrum=magnitudes,
        )
        return self._last

    def begin(self, part: NDArray[np.float32]) -> AudioFeatures | None:
        """Hear the first samples of the next hop, ``part``, before it is whole: a device's block may end within it.

        Return features when an onset begins in them that was not told yet: the last hop's, and this. What the whole
        hop gives does not depend on such calls, so it tells the onset again.
        """
        part = part[: len(part) // self._step * self._step]
        told = len(self._told.onsets)
        if len(part) <= len(self._begun) or len((began := self._began(part)).onsets) == told:
            return None
        last, seconds = self._last, len(part) / self.samplerate
        kick, snare, hat = began.struck if self._bands.gate > 0.5 else (0.0, 0.0, 0.0)
        ahead = min(seconds * last.bpm / 60.0, 0.999 - last.beat_phase)  # the beat itself is for the whole hop to tell
        return replace(
            last,
            time=(self._hops * self.hop_length + len(part)) / self.samplerate,
            onset_strength=began.strength * self._bands.gate,
            onsets=began.onsets[told:],
            beat_phase=last.beat_phase + max(0.0, ahead),
            bar_phase=last.bar_phase + max(0.0, ahead) / max(1, last.bar_beats),
            kick=kick,
            snare=snare,
            hat=hat,
            drop=0.0,
        )

    def _began(self, part: NDArray[np.float32]) -> _Began:
        """Hear what is new in the first samples of the next hop; return what began in all of them."""
        clean = self.filters.clean(part[len(self._begun) :])
        self._begun = np.concatenate([self._begun, clean]) if len(self._begun) else clean
        strength, onsets = self._onsets(clean, self._scope.spectrum if len(part) == self.hop_length else None)
        told = self._told
        if told is _NOTHING_BEGAN:
            self._told = _Began(strength, onsets, self._onsets.struck)
            return self._told
        kick, snare, hat = map(max, told.struck, self._onsets.struck)
        self._told = _Began(max(told.strength, strength), told.onsets + onsets, (kick, snare, hat))
        return self._told

    def _flux(self, magnitudes: Vector, total: float) -> float:
        """Return how much of the spectrum [bins], whose sum is ``total``, was not there FLUX_SECONDS ago, 0..1."""
        earlier = self._earlier[0]
        self._earlier.append(magnitudes)
        if total <= 0.0:
            return 0.0
        grown = np.subtract(magnitudes, earlier, self._growth)
        np.maximum(grown, self._none, out=grown)
        return float(grown.dot(self._weights[0])) / total

    def known(self) -> tuple[str, list[Array]]:
        """Return all that was learned from whole hops: a text, and the arrays that it names."""
        return known.take(self, Analyser(self.samplerate, self.hop_length))

    def recall(self, text: str, arrays: Sequence[Array]) -> None:
        """Go on as the analyser that has learned this; the filters have to hear what it heard. See `known.put`."""
        known.put(self, text, arrays)

    def _follow_centroid(self, weighted: float, total: float) -> float:
        """Return the smoothed spectral centroid in Hz; in silence it keeps its value.

        ``total`` is the sum of the magnitudes, ``weighted`` that of them times their frequency.
        """
        if total > 0.0 and self._bands.gate > 0.0:
            share = self._centroid_share * self._bands.gate if self._centroid else 1.0
            self._centroid += share * (weighted / total - self._centroid)
        return self._centroid
