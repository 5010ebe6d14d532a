"""What the ears hear: one immutable AudioFeatures a hop."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

BANDS = ("sub", "bass", "low_mid", "mid", "high_mid", "presence", "air")  # 20, 60, 150, 400 Hz, 1, 2.5, 6, 16 kHz
SILENT_LUFS = -70.0  # the lowest loudness that is told
UNTOLD = -1.0  # a level that nobody has told, as in a log from before there were levels: then it is the rms
_NOTHING: NDArray[np.float32] = np.zeros(0, np.float32)


def _nothing() -> NDArray[np.float32]:
    return _NOTHING


@dataclass(frozen=True, slots=True)
class Onset:
    """The start of a sound: where it is, when the engine knew, how strong. Seconds of stream time."""

    time: float
    heard_at: float
    strength: float


@dataclass(frozen=True, slots=True)
class AudioFeatures:
    """What was heard up to ``time`` (seconds, the end of the hop).

    ``bass``, ``mid`` and ``treble`` are relative to their own running average: 1.0 is "as usual"
    at any volume, 0.0 is silence. ``rms`` is linear, 0..1; ``level`` is the same, turned down where the sound has
    been loud for long (`level_of`). ``beat_phase`` runs 0..1 between beats and is 0 at the moment of a beat;
    ``beat_confidence``, 0..1, tells how sure the ears are of tempo and beat.
    ``bands`` are the seven of BANDS, relative like bass, mid and treble. ``loudness`` is momentary, in LUFS;
    ``energy_trend`` runs from -1 (falls away) to 1 (builds up). ``spectral_flux``, 0..1, is how much of the spectrum
    is new. ``kick``, ``snare``, ``hat`` and ``drop`` are 0 but for the hop in which they happen: how
    hard, 0..1. ``pitch_class`` is the dominant one: 0 for C, 1/12 for C sharp, … 11/12 for B.
    ``bar_beats`` is the length of the bar in beats (0: there is no tempo), ``bar_phase`` runs 0..1 through it and is 0
    at the moment of its first beat, ``bar_confidence``, 0..1, tells how sure the ears are of both.
    ``wave`` are the newest samples, mono [n], oldest first, and ``spectrum`` their magnitudes [bins], 1 for a sine of
    full scale, evenly from 0 Hz to half the samplerate: for pictures of the sound. Both are empty where there is none,
    as in a log that is replayed; they are never changed, and count in no comparison.
    ``recent`` holds every hop since the last frame, oldest first, so that nothing between two
    frames is lost and motion is integrated hop by hop, whatever the frame rate.
    """

    time: float = 0.0
    rms: float = 0.0
    bass: float = 0.0
    mid: float = 0.0
    treble: float = 0.0
    onset_strength: float = 0.0
    onsets: tuple[Onset, ...] = ()
    bpm: float = 0.0
    beat_phase: float = 0.0
    beat_confidence: float = 0.0
    spectral_centroid: float = 0.0
    bands: tuple[float, ...] = (0.0,) * len(BANDS)
    loudness: float = SILENT_LUFS
    energy_trend: float = 0.0
    spectral_flux: float = 0.0
    kick: float = 0.0
    snare: float = 0.0
    hat: float = 0.0
    drop: float = 0.0
    pitch_class: float = 0.0
    bar_beats: int = 0
    bar_phase: float = 0.0
    bar_confidence: float = 0.0
    level: float = UNTOLD
    wave: NDArray[np.float32] = field(default_factory=_nothing, compare=False, repr=False)
    spectrum: NDArray[np.float32] = field(default_factory=_nothing, compare=False, repr=False)
    recent: tuple[AudioFeatures, ...] = ()

    def after(self, earlier: AudioFeatures) -> AudioFeatures:
        """Return these features with what was struck in ``earlier`` as well, which had no time of its own."""
        if not (earlier.kick or earlier.snare or earlier.hat or earlier.drop):
            return self
        return replace(
            self,
            kick=max(self.kick, earlier.kick),
            snare=max(self.snare, earlier.snare),
            hat=max(self.hat, earlier.hat),
            drop=max(self.drop, earlier.drop),
        )


def level_of(features: AudioFeatures) -> float:
    """Return the level, 0..1: how loud it is, for motion."""
    return features.level if features.level >= 0.0 else features.rms
