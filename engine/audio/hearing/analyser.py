"""The analyser: one hop of samples in, one AudioFeatures out. Songs and live inputs use the same one."""

from __future__ import annotations

import math

import aubio
import numpy as np
from numpy.typing import NDArray

from engine.audio.hearing.onset import OnsetDetector
from engine.audio.hearing.spectrum import Spectrum, Vector, fft_length
from engine.audio.hearing.tempo import TempoTracker
from engine.borders.features import AudioFeatures

HOP_LENGTH = 256  # samples; one hop gives one AudioFeatures
BANDS = ((20.0, 150.0), (150.0, 2500.0), (2500.0, 16000.0))  # Hz; edges of bass, mid and treble
WINDOW_SECONDS, WINDOW_RISE_SECONDS = 0.0464, 0.016  # length and rise of the window behind bands and centroid
RMS_SECONDS = 0.025  # length of the RMS window: one period of 40 Hz
RISE_SECONDS, FALL_SECONDS = 3.0, 8.0  # time constants of a band's average, while the band is above it and below it
MAX_BAND = 4.0  # times the running average; upper limit of a band
ROOM_DBFS = -50.0  # RMS level; pink noise up to here counts as silence
GATE_DB = (8.0, 5.0, 3.5)  # above the room's noise; each band's gate starts to open here (narrow bands vary more)
GATE_FADE_DB = 4.0  # from the start of a gate's opening to its end
LEAKAGE_DB = ((0, 35, 60), (35, 0, 60), (60, 60, 0))  # row: band, column: other band; a band this far below is leakage
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
        self._bands = _Bands(self._spectrum, hop_length / samplerate)
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
        bass, mid, treble = self._bands(magnitudes)
        sounding = self._bands.gate > 0.5
        strength, onsets = self._onsets(clean)
        self._tempo(clean, sounding)
        newest = self._history[-self._rms_samples :]
        return AudioFeatures(
            time=self._hops * self.hop_length / self.samplerate,
            rms=min(1.0, math.sqrt(float(np.mean(newest * newest)))),
            bass=bass,
            mid=mid,
            treble=treble,
            onset_strength=strength * self._bands.gate,
            onsets=onsets,
            bpm=self._tempo.bpm,
            beat_phase=self._tempo.phase,
            beat_confidence=self._tempo.confidence,
            spectral_centroid=self._follow_centroid(magnitudes),
        )

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


class _Bands:
    """Bass, mid and treble relative to their own running averages. A gate removes the room's noise."""

    def __init__(self, spectrum: Spectrum, seconds: float) -> None:
        """``spectrum`` gives the bins and the level of noise; ``seconds`` lie between two calls."""
        edges = [low for low, _ in BANDS] + [BANDS[-1][1]]
        self._edges = [int(np.searchsorted(spectrum.frequencies, edge)) for edge in edges]
        margin = np.array([10.0 ** (gate / 20.0) for gate in GATE_DB], np.float32)
        self._shut = self._levels(spectrum.pink(ROOM_DBFS)) * margin  # [3]
        self._leakage = np.array(10.0 ** (-np.array(LEAKAGE_DB) / 20.0) * (1 - np.eye(len(BANDS))), np.float32)
        self._average = np.zeros(len(BANDS), np.float32)
        self._heard = np.zeros(len(BANDS), np.float32)  # 0..1: the part of FALL_SECONDS that the average covers
        self._rise, self._fall = (np.float32(1.0 - math.exp(-seconds / s)) for s in (RISE_SECONDS, FALL_SECONDS))
        self.gate = 0.0  # 0 silence .. 1 sound: the gate of the most open band

    def __call__(self, magnitudes: Vector) -> tuple[float, float, float]:
        """Return bass, mid and treble, each 0..MAX_BAND, from ``magnitudes`` [bins]."""
        level = self._levels(magnitudes)
        shut = np.maximum(self._shut, (self._leakage * level).max(axis=1))
        above = 20.0 * np.log10(np.maximum(level, 1e-9) / shut)
        x = np.clip(above / GATE_FADE_DB, 0.0, 1.0)
        gate = (x * x * (3.0 - 2.0 * x)).astype(np.float32)
        self.gate = float(gate.max())
        # The average starts as a plain mean and becomes an exponential one; silence does not change it.
        share = np.where(level > self._average, self._rise, self._fall)
        self._heard += self._fall * gate * (1.0 - self._heard)
        self._average += np.minimum(1.0, share * gate / np.maximum(self._heard, 1e-9)) * (level - self._average)
        bass, mid, treble = np.minimum(gate * level / np.maximum(self._average, 1e-9), MAX_BAND).tolist()
        return bass, mid, treble

    def _levels(self, magnitudes: Vector) -> Vector:
        """Return the square root of the power in each band [3]."""
        power = magnitudes * magnitudes
        sums = [power[a:b].sum() for a, b in zip(self._edges, self._edges[1:], strict=False)]
        levels: Vector = np.sqrt(np.array(sums, np.float32))
        return levels


def _highpass(samplerate: int) -> aubio.digital_filter:
    """Return a second-order Butterworth high-pass (bilinear transform) that keeps its state."""
    w = math.tan(math.pi * HIGHPASS_HZ / samplerate)
    norm = 1.0 / (1.0 + math.sqrt(2.0) * w + w * w)
    filt = aubio.digital_filter(3)
    filt.set_biquad(norm, -2.0 * norm, norm, 2.0 * (w * w - 1.0) * norm, (1.0 - math.sqrt(2.0) * w + w * w) * norm)
    return filt
