"""The analyser: one hop of samples in, one AudioFeatures out. Songs and live inputs use the same one."""

from __future__ import annotations

import math
from collections import deque

import aubio
import numpy as np
from numpy.typing import NDArray

from engine.audio.hearing.bands import WIDE, Bands
from engine.audio.hearing.loudness import Drop, Loudness
from engine.audio.hearing.onset import OnsetDetector
from engine.audio.hearing.pitch import PitchClass
from engine.audio.hearing.spectrum import Spectrum, Vector, fft_length
from engine.audio.hearing.tempo import TempoTracker
from engine.borders.features import AudioFeatures

HOP_LENGTH = 256  # samples; one hop gives one AudioFeatures
WINDOW_SECONDS, WINDOW_RISE_SECONDS = 0.0464, 0.016  # length and rise of the window behind bands and centroid
RMS_SECONDS = 0.025  # length of the RMS window: one period of 40 Hz
FLUX_SECONDS = 0.012  # back, to the spectrum that growth is measured against
CENTROID_SECONDS = 0.03  # time constant of the centroid's smoothing
HIGHPASS_HZ = 15.0  # cutoff; below it are rumble, DC and the errors of broken inputs
MAX_SAMPLE = 4.0  # times a sound card's full scale; samples are clipped here


class Analyser:
    """Turns a stream into features, hop by hop.

    The same samples give the same features, bit for bit. Every time constant is in seconds, so samplerate and
    hop length change only the resolution in time.
    """

    def __init__(self, samplerate: int = 44100, hop_length: int = HOP_LENGTH) -> None:
        """``samplerate`` in Hz, ``hop_length`` in samples."""
        self.samplerate, self.hop_length = samplerate, hop_length
        length = fft_length(WINDOW_SECONDS, samplerate)
        self._history = np.zeros(max(length, hop_length), np.float32)
        self._spectrum = Spectrum(length, round(WINDOW_RISE_SECONDS * samplerate), samplerate)
        self._bands = Bands(self._spectrum, hop_length / samplerate)
        self._loudness = Loudness(samplerate, hop_length)
        self._drop = Drop(hop_length / samplerate)
        self._pitch = PitchClass(self._spectrum.frequencies, hop_length / samplerate)
        bins, back = len(self._spectrum.frequencies), max(1, round(FLUX_SECONDS * samplerate / hop_length))
        self._earlier = deque([np.zeros(bins, np.float32)] * back, maxlen=back)  # magnitudes, oldest first
        self._frequencies = self._spectrum.frequencies.astype(np.float32)
        self._onsets = OnsetDetector(samplerate)
        self._tempo = TempoTracker(samplerate, hop_length)
        self._highpass = _highpass(samplerate)
        self._rms_samples = max(hop_length, round(RMS_SECONDS * samplerate))
        self._centroid_share = 1.0 - math.exp(-hop_length / samplerate / CENTROID_SECONDS)
        self._centroid = 0.0
        self._hops = 0

    def __call__(self, hop: NDArray[np.float32]) -> AudioFeatures:
        """Return the features at the end of ``hop``: mono float32 [hop_length], nominally -1..1.

        NaN and infinity count as silence. Raises ValueError for another number of samples.
        """
        if hop.shape != (self.hop_length,):
            raise ValueError(f"a hop has {self.hop_length} samples, not {hop.shape}")
        clean = self._clean(hop)
        self._history = np.concatenate([self._history[self.hop_length :], clean])
        self._hops += 1
        magnitudes = self._spectrum(self._history)
        bands = self._bands(magnitudes)
        bass, mid, treble = bands[:WIDE]
        gate = self._bands.gate
        sounding = gate > 0.5
        strength, onsets = self._onsets(clean)
        kick, snare, hat = self._onsets.struck if sounding else (0.0, 0.0, 0.0)
        self._pitch(magnitudes, gate)
        self._tempo(clean, sounding, self._pitch.now)
        self._loudness(clean, gate)
        newest = self._history[-self._rms_samples :]
        return AudioFeatures(
            time=self._hops * self.hop_length / self.samplerate,
            rms=min(1.0, math.sqrt(float(np.mean(newest * newest)))),
            bass=bass,
            mid=mid,
            treble=treble,
            onset_strength=strength * gate,
            onsets=onsets,
            bpm=self._tempo.bpm,
            beat_phase=self._tempo.phase,
            beat_confidence=self._tempo.confidence,
            spectral_centroid=self._follow_centroid(magnitudes),
            bands=tuple(bands[WIDE:]),
            loudness=self._loudness.lufs,
            energy_trend=self._loudness.trend,
            spectral_flux=self._flux(magnitudes) * gate,
            kick=kick,
            snare=snare,
            hat=hat,
            drop=self._drop(bass, sounding),
            pitch_class=self._pitch.value,
            bar_beats=self._tempo.bar_beats,
            bar_phase=self._tempo.bar_phase,
            bar_confidence=self._tempo.bar_confidence,
            wave=self._history,
            spectrum=magnitudes,
        )

    def _flux(self, magnitudes: Vector) -> float:
        """Return how much of the spectrum [bins] was not there FLUX_SECONDS ago, 0..1."""
        earlier = self._earlier[0]
        self._earlier.append(magnitudes)
        total = float(magnitudes.sum())
        return float(np.maximum(magnitudes - earlier, 0.0).sum()) / total if total > 0.0 else 0.0

    def _clean(self, hop: NDArray[np.float32]) -> Vector:
        """Return the hop without NaN, infinity, DC and rumble."""
        finite = hop if np.isfinite(hop).all() else np.nan_to_num(hop, nan=0.0, posinf=0.0, neginf=0.0)
        filtered: Vector = self._highpass(np.clip(finite, -MAX_SAMPLE, MAX_SAMPLE).astype(np.float32, copy=False))
        return filtered

    def _follow_centroid(self, magnitudes: Vector) -> float:
        """Return the smoothed spectral centroid in Hz; in silence it keeps its value."""
        total = float(magnitudes.sum())
        if total > 0.0 and self._bands.gate > 0.0:
            now = float(self._frequencies @ magnitudes) / total
            share = self._centroid_share * self._bands.gate if self._centroid else 1.0
            self._centroid += share * (now - self._centroid)
        return self._centroid


def _highpass(samplerate: int) -> aubio.digital_filter:
    """Return a second-order Butterworth high-pass (bilinear transform) that keeps its state."""
    w = math.tan(math.pi * HIGHPASS_HZ / samplerate)
    norm = 1.0 / (1.0 + math.sqrt(2.0) * w + w * w)
    filt = aubio.digital_filter(3)
    filt.set_biquad(norm, -2.0 * norm, norm, 2.0 * (w * w - 1.0) * norm, (1.0 - math.sqrt(2.0) * w + w * w) * norm)
    return filt
