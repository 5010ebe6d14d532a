"""What the ears hear: one immutable AudioFeatures a hop."""

from __future__ import annotations

from dataclasses import dataclass


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
    at any volume, 0.0 is silence. ``rms`` is linear, 0..1. ``beat_phase`` runs 0..1 between beats and is 0 at
    the moment of a beat; ``beat_confidence``, 0..1, tells how sure the ears are of tempo and beat.
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
    recent: tuple[AudioFeatures, ...] = ()
