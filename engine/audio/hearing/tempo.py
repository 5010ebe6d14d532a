"""Tempo: a network hears beats, pointers follow them, and a phase runs ahead of what was heard to what is now.

The phase is a prediction: it passes zero at the moment of the beat, though the network answers for a beat only a few
hundredths of a second later. The tempo is held: another one must be clearly more likely for a while.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from engine.audio.hearing.bar import BarPointer, Harmony
from engine.audio.hearing.beat_network import BeatNetwork
from engine.audio.hearing.beat_pointer import BeatPointer, Standing
from engine.audio.hearing.spectrum import Vector

FORGET_SECONDS = 6.0  # of silence, longer than a break within a song; after it the tempo is unknown
LISTEN_SECONDS = 1.5  # from the first sound; until then there is no tempo
FIRST_MASS = 0.4  # probability; the first tempo has at least this
MORE_LIKELY = 2.0  # times; another tempo that is this much more likely than the held one challenges it
CHALLENGE_SECONDS = (2.0, 8.0)  # a sure challenger takes over after this long: from a new tempo, from a trusted one
LEAST_CHALLENGE = 0.25  # of the first of these; a new tempo that is not believed any more goes as soon as that
TRUST_SECONDS = (4.0, 30.0)  # time constants with which trust in the held tempo rises to the confidence, and falls
LEAD_SECONDS = 0.042  # from the middle of a frame to the moment whose phase the pointer then tells, as measured
FOLLOW_SECONDS = 0.35  # time constant of the phase's correction, when the pointer is sure of it
DRIFT_SECONDS = 1.5  # time constant with which the held tempo follows the pointer's
CONFIDENCE_SECONDS = 1.0  # time constant of the confidence
LAGS = 0.3  # of a beat; a phase in this last part of one has not reached the beat that the pointer has passed
TARGET_RMS, LEVEL_SECONDS = 0.15, 3.0  # level of the network's input, and the time constant of the gain to it
QUIETEST_RMS = 0.002  # level; a quieter input is amplified no further


class TempoTracker:
    """Follows the beat of a stream. ``bpm`` is 0 until there is a tempo; ``phase`` and ``confidence`` are 0..1.

    ``bar_beats`` is the length of the bar, ``bar_phase`` (0..1) the place in it, ``bar_confidence`` (0..1) how sure
    both are; they are 0 while there is no tempo.
    """

    def __init__(self, samplerate: int, hop_length: int) -> None:
        """``samplerate`` in Hz, ``hop_length`` in samples."""
        self._network = BeatNetwork(samplerate)
        self._pointer = BeatPointer(self._network.frame_seconds)
        self._bar, self._harmony = BarPointer(), Harmony()
        self._hop = hop_length / samplerate  # seconds
        self._share = 1.0 - math.exp(-self._hop / LEVEL_SECONDS)
        self._mean_square = 0.0
        self._weight = 0.0
        self._heard = -self._network.delay_seconds  # seconds; the middle of the newest frame
        self._now = 0.0  # seconds of the stream
        self._silence = 0.0  # seconds
        self._forget()

    def _forget(self) -> None:
        self.bpm = 0.0
        self.phase = 0.0
        self.confidence = 0.0
        self._listened = 0.0  # seconds since the first sound
        self._trusted = 0.0  # 0..1; the confidence in the held tempo so far
        self._challenge = 0.0  # seconds that another tempo was clearly more likely
        self._error = 0.0  # beats; how far the phase is behind
        self._pointer.forget()
        self._bar.forget()
        self._harmony = Harmony()
        self._place = 0  # which beat of the bar ``phase`` is in

    def __call__(self, hop: Vector, sounding: bool, pitches: Sequence[float]) -> None:
        """Hear a hop [hop_length]; ``sounding`` is False while there is only the room's noise.

        ``pitches`` [12] is the power of each pitch class at its end.
        """
        self._now += self._hop
        self._silence = 0.0 if sounding else self._silence + self._hop
        beats = self._network(self._levelled(hop, sounding))
        for beat, first in zip(beats, self._network.firsts, strict=True):
            self._heard += self._network.frame_seconds
            if sounding or self._listened:  # a break does not stop the count, but nothing counts before the first sound
                self._follow(beat, first)
        if self._silence > FORGET_SECONDS and self._listened:
            self._forget()
        if self._advance():
            self._bar.weigh(self._harmony.turn())
        self._harmony(pitches)

    def _levelled(self, hop: Vector, sounding: bool) -> Vector:
        """Return the hop at TARGET_RMS, by the mean level so far and, later, of the last LEVEL_SECONDS."""
        if sounding:
            self._weight += self._share * (1.0 - self._weight)
            self._mean_square += self._share / self._weight * (float(hop.dot(hop)) / len(hop) - self._mean_square)
        level = max(QUIETEST_RMS, self._mean_square**0.5)
        return hop * np.float32(TARGET_RMS / level)

    @property
    def bar_beats(self) -> int:
        """Return the length of the bar in beats."""
        return self._bar.beats if self.bpm > 0.0 else 0

    @property
    def bar_phase(self) -> float:
        """Return the place in the bar now; it is 0 at the moment of the first beat."""
        return (self._place + self.phase) / self._bar.beats if self.bpm > 0.0 else 0.0

    @property
    def bar_confidence(self) -> float:
        """Return how sure the place in the bar is: no surer than the beat."""
        return self._bar.sure * self.confidence

    def _follow(self, beat: float, first: float) -> None:
        """Take what the network says of a frame: how likely it is a beat of any kind, and the first one of a bar."""
        frame = self._network.frame_seconds
        self._listened += frame
        self._pointer(beat)
        standing = self._settle(*self._pointer.standings(self.bpm))
        if standing is None:
            return
        ahead = self._now - (self._heard + LEAD_SECONDS)
        off = standing.phase + ahead * self.bpm / 60.0 - self.phase
        self._error = ((off + 0.5) % 1.0 - 0.5) * standing.sure
        self.confidence += frame / CONFIDENCE_SECONDS * (standing.mass * standing.sure - self.confidence)
        rise, fall = TRUST_SECONDS
        self._trusted += frame / (rise if self.confidence > self._trusted else fall) * (self.confidence - self._trusted)
        if self._bar(standing.phase, beat - first, first):
            # The pointer is past a beat. The phase runs ahead of it, so it is past that beat, too, unless it lags.
            self._place = (self._bar.place - (self.phase > 1.0 - LAGS)) % self._bar.beats

    def _settle(self, best: Standing, held: Standing | None) -> Standing | None:
        """Return the standing of the tempo that counts, or None while there is none."""
        if held is None:
            if best.mass < FIRST_MASS or self._listened < LISTEN_SECONDS:
                return None
            self.bpm = best.bpm
            self.phase = best.phase
            return best
        if best.mass > MORE_LIKELY * held.mass:
            self._challenge += self._network.frame_seconds * best.mass * best.sure
            new, trusted = CHALLENGE_SECONDS
            doubted = min(1.0, LEAST_CHALLENGE + self.confidence)
            if self._challenge > new * doubted + self._trusted * (trusted - new):
                self._challenge, self._trusted, self.bpm = 0.0, 0.0, best.bpm
                self._bar.forget()  # other beats are counted now
                return best
        else:
            self._challenge = max(0.0, self._challenge - self._network.frame_seconds)
        self.bpm += self._network.frame_seconds / DRIFT_SECONDS * (held.bpm - self.bpm) * held.sure * held.mass
        return held

    def _advance(self) -> bool:
        """Move the phase one hop forward and return whether a beat begins.

        A correction changes the phase's speed, never its direction.
        """
        step = self._hop * self.bpm / 60.0
        nudge = min(max(self._error * self._hop / FOLLOW_SECONDS, -0.5 * step), step)
        self._error -= nudge
        self.phase += step + nudge
        if self.phase < 1.0:
            return False
        self.phase -= 1.0
        self._place = (self._place + 1) % self._bar.beats
        return True
