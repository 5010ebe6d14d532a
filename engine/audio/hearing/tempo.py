"""Tempo: beats from aubio, held against the rhythm of the onsets, and a phase that runs on between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import aubio
import numpy as np
from numpy.typing import NDArray

from engine.audio.hearing.rhythm import Rhythm
from engine.borders.features import Onset

LOWEST_BPM, HIGHEST_BPM = 70.0, 180.0  # tempi outside are folded in by octaves
MEDIAN_BEATS = 8  # the tempo is the median of what these many beats said
CORRECTION = 0.5  # the share of a beat's phase error that is made up before the next
MISFIT = 0.25  # beats further off than this (of a beat) are doubted ...
MISFITS = 3  # ... until so many come in a row
FORGET_SECONDS = 6.0  # of silence: a longer break than a song's, so the next one starts anew
TARGET_RMS, LEVEL_SECONDS = 0.15, 3.0  # what aubio hears is brought to this level, this slowly
QUIETEST_RMS = 0.002  # levels below are not amplified further
BUFFER_SECONDS = 0.0232  # of aubio's analysis


class Tempo:
    """Follows the beat of a stream hop by hop. ``bpm`` is 0 until there is one."""

    def __init__(self, samplerate: int, hop_length: int) -> None:
        """``hop_length`` in samples."""
        buffer = int(2 ** round(np.log2(BUFFER_SECONDS * samplerate)))
        self._aubio = aubio.tempo("specflux", max(buffer, 2 * hop_length), hop_length, samplerate)
        self._aubio.set_silence(-60.0)
        self._seconds = hop_length / samplerate
        self._share = 1.0 - float(np.exp(-self._seconds / LEVEL_SECONDS))
        self._mean_square = 0.0
        self._weight = 0.0
        self._hops = 0
        self._silence = 0.0  # seconds
        self._rhythm = Rhythm()
        self._forget()

    def _forget(self) -> None:
        self.bpm = 0.0
        self.phase = 0.0  # 0..1 from beat to beat
        self._said: deque[float] = deque(maxlen=MEDIAN_BEATS)
        self._pending = 0.0  # beats of correction still to make
        self._misfits = 0
        self._rhythm.forget()

    def __call__(self, hop: NDArray[np.float32], sounding: bool, onsets: Iterable[Onset] = ()) -> None:
        """Hear a hop [hop_length] and its onsets; ``sounding`` tells music from the noise of the room."""
        self._hops += 1
        self._rhythm.hear(onsets)
        beat = bool(self._aubio(self._levelled(hop, sounding))[0])
        self._silence = 0.0 if sounding else self._silence + self._seconds
        if self._silence > FORGET_SECONDS:
            if self.bpm:
                self._forget()
            return
        self._advance()
        if beat and sounding:
            self._hear_beat(float(self._aubio.get_last_s()), float(self._aubio.get_bpm()))

    def _levelled(self, hop: NDArray[np.float32], sounding: bool) -> NDArray[np.float32]:
        """Return the hop at the level aubio likes; the level is the mean so far, then of the last seconds."""
        if sounding:
            self._weight += self._share * (1.0 - self._weight)
            self._mean_square += self._share / self._weight * (float(np.mean(hop * hop)) - self._mean_square)
        level = max(QUIETEST_RMS, self._mean_square ** 0.5)
        return (hop * np.float32(TARGET_RMS / level)).clip(-1.0, 1.0)

    def _advance(self) -> None:
        """Move the phase one hop on, always forwards: corrections only make it faster or slower."""
        step = self._seconds * self.bpm / 60.0
        nudge = min(max(self._pending, -0.5 * step), step)
        self._pending -= nudge
        self.phase = (self.phase + step + nudge) % 1.0

    def _hear_beat(self, time: float, bpm: float) -> None:
        """Take a beat at ``time`` (seconds) into account."""
        if bpm <= 0.0:
            return
        first = self.bpm == 0.0
        heard = fold(bpm, self.bpm)
        settled = self._rhythm.settle(heard)
        if settled != heard:
            time = self._rhythm.beat(self._hops * self._seconds, settled)
        self._said.append(fold(settled, self.bpm))
        self.bpm = float(np.median(self._said))
        since = (self._hops * self._seconds - time) * self.bpm / 60.0  # beats
        if first:
            self.phase = since % 1.0
            return
        error = (since - self.phase + 0.5) % 1.0 - 0.5
        if abs(error) < MISFIT:
            self._pending, self._misfits = CORRECTION * error, 0
            return
        self._misfits += 1
        if self._misfits >= MISFITS:
            self._pending, self._misfits = error, 0


def fold(bpm: float, near: float = 0.0) -> float:
    """Return ``bpm`` in the octave between 70 and 180 that is nearest to ``near``, when that is known."""
    while bpm < LOWEST_BPM:
        bpm *= 2.0
    while bpm > HIGHEST_BPM:
        bpm /= 2.0
    octaves = [o for o in (bpm / 2.0, bpm, bpm * 2.0) if LOWEST_BPM <= o <= HIGHEST_BPM]
    return min(octaves, key=lambda o: abs(np.log(o / near))) if near else bpm
