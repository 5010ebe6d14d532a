"""Tempo: aubio finds beats, the rhythm of the onsets corrects its tempo, and a phase runs between the beats."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import aubio
import numpy as np
from numpy.typing import NDArray

from engine.audio.hearing.rhythm import Rhythm
from engine.borders.features import Onset

LOWEST_BPM, HIGHEST_BPM = 70.0, 180.0  # limits of the tempo; one outside is doubled or halved into them
MEDIAN_BEATS = 8  # beats; the tempo is the median of what they reported
CORRECTION = 0.5  # of a beat's phase error; the phase makes it up before the next beat
MISFIT = 0.25  # of a beat; a beat with a larger phase error is ignored at first
MAX_MISFITS = 3  # beats; after this many misfits in a row the phase follows them
FORGET_SECONDS = 6.0  # of silence, longer than a break within a song; after it the tempo is unknown
TARGET_RMS, LEVEL_SECONDS = 0.15, 3.0  # level of aubio's input, and the time constant of the gain to it
QUIETEST_RMS = 0.002  # level; a quieter input is amplified no further
BUFFER_SECONDS = 0.0232  # length of aubio's analysis window


class TempoTracker:
    """Follows the beat of a stream hop by hop. ``bpm`` is 0 until there is a tempo; ``phase`` is 0..1."""

    def __init__(self, samplerate: int, hop_length: int) -> None:
        """``samplerate`` in Hz, ``hop_length`` in samples."""
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
        self._said: deque[float] = deque(maxlen=MEDIAN_BEATS)  # bpm
        self._pending = 0.0  # beats; correction of the phase that is still to be made
        self._misfits = 0
        self._rhythm.forget()

    def __call__(self, hop: NDArray[np.float32], sounding: bool, onsets: Iterable[Onset] = ()) -> None:
        """Hear a hop [hop_length] and its onsets; ``sounding`` is False while there is only the room's noise."""
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
        """Return the hop at TARGET_RMS, by the mean level so far and, later, of the last LEVEL_SECONDS."""
        if sounding:
            self._weight += self._share * (1.0 - self._weight)
            self._mean_square += self._share / self._weight * (float(np.mean(hop * hop)) - self._mean_square)
        level = max(QUIETEST_RMS, self._mean_square**0.5)
        return (hop * np.float32(TARGET_RMS / level)).clip(-1.0, 1.0)

    def _advance(self) -> None:
        """Move the phase one hop forward; a correction changes its speed, never its direction."""
        step = self._seconds * self.bpm / 60.0
        nudge = min(max(self._pending, -0.5 * step), step)
        self._pending -= nudge
        self.phase = (self.phase + step + nudge) % 1.0

    def _hear_beat(self, time: float, bpm: float) -> None:
        """Correct tempo and phase by a beat at ``time`` (seconds of the stream)."""
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
        if self._misfits >= MAX_MISFITS:
            self._pending, self._misfits = error, 0


def fold(bpm: float, near: float = 0.0) -> float:
    """Return ``bpm`` doubled or halved into LOWEST_BPM..HIGHEST_BPM, nearest to ``near`` unless that is 0."""
    while bpm < LOWEST_BPM:
        bpm *= 2.0
    while bpm > HIGHEST_BPM:
        bpm /= 2.0
    octaves = [o for o in (bpm / 2.0, bpm, bpm * 2.0) if LOWEST_BPM <= o <= HIGHEST_BPM]
    return min(octaves, key=lambda o: abs(np.log(o / near))) if near else bpm
