"""The count of beats: heard in the sound, tapped, or told by MIDI clock. Each is trusted more than the one before."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from engine.borders.controls import Tempo
from engine.borders.features import AudioFeatures
from engine.borders.tick import Tick

UNKNOWN_BPM = 120.0  # beats a minute; the tempo while none is heard, tapped or told
TRUSTED = (0.35, 0.65)  # confidence; beats that are heard strike not at all below, and fully above
CLOCKS_PER_BEAT = 24  # MIDI's
CLOCK_LOST_SECONDS = 1.0  # s; a longer silence ends MIDI's clock
TAP_GAP_SECONDS = 2.5  # s; a longer pause begins a new count: 24 bpm
TAPS = 8  # taps; the tempo is their mean
LOWEST_BPM, HIGHEST_BPM = 24.0, 400.0  # beats a minute; a tapped tempo lies between


class Taps:
    """Tap tempo: two taps or more give it, the last one gives the phase."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=TAPS)
        self._bpm = 0.0
        self._anchor = 0.0

    def tap(self, time: float) -> None:
        """Take a tap at ``time`` (seconds)."""
        if self._times and not 60.0 / HIGHEST_BPM <= time - self._times[-1] <= TAP_GAP_SECONDS:
            self._times.clear()
        self._times.append(time)
        self._anchor = time
        if len(self._times) >= 2:
            self._bpm = 60.0 * (len(self._times) - 1) / (self._times[-1] - self._times[0])

    def scale(self, factor: float) -> None:
        """Make the tapped tempo ``factor`` times as fast, where the limits allow it."""
        if self._bpm and LOWEST_BPM <= self._bpm * factor <= HIGHEST_BPM:
            self._bpm *= factor

    def stand(self, tempo: Tempo, time: float) -> None:
        """Take up a tempo that was tapped in another show, as of ``time``."""
        self._bpm, self._anchor = tempo.bpm, time - tempo.beats * 60.0 / tempo.bpm

    def clear(self) -> None:
        """Forget."""
        self._times.clear()
        self._bpm = 0.0

    def tempo(self, time: float) -> Tempo | None:
        """Return what was tapped, as of ``time``."""
        return Tempo(self._bpm, (time - self._anchor) * self._bpm / 60.0) if self._bpm else None


class MidiClock:
    """MIDI clock, start, continue and stop: 24 clocks a beat."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=2 * CLOCKS_PER_BEAT + 1)
        self._count = -1  # clocks since the start; the first one is the downbeat
        self.running = True  # a sender that never says start runs

    def hear(self, kind: str, time: float) -> None:
        """Take a clock, start, continue or stop that came at ``time`` (seconds)."""
        if kind == "clock":
            if self._times and time - self._times[-1] > CLOCK_LOST_SECONDS:
                self._times.clear()
            self._times.append(time)
            self._count += self.running
        elif kind == "start":
            self._count, self.running = -1, True
        else:
            self.running = kind == "continue"

    def tempo(self, time: float) -> Tempo | None:
        """Return the clock's tempo as of ``time``; None while no clock is heard."""
        if len(self._times) < 4 or time - self._times[-1] > CLOCK_LOST_SECONDS:
            return None
        span = self._times[-1] - self._times[0]
        if span <= 0.0:
            return None
        bpm = 60.0 * (len(self._times) - 1) / CLOCKS_PER_BEAT / span
        if not LOWEST_BPM / 2 <= bpm <= 2 * HIGHEST_BPM:
            return None
        since = min(max(0.0, (time - self._times[-1]) * bpm / 60.0), 1 / CLOCKS_PER_BEAT)
        return Tempo(bpm, max(self._count, 0) / CLOCKS_PER_BEAT + since * self.running, exact=True, source="MIDI clock")


def tempo_source(given: Tempo | None, heard: AudioFeatures) -> str:
    """Return who gives the tempo that counts, empty where nobody does."""
    return given.source if given is not None else "heard" if heard.bpm > 0.0 else ""


class Beat:
    """Counts beats through the show: ``position`` is beats since its start, ``bpm`` their tempo."""

    def __init__(self) -> None:
        self.position = 0.0
        self.bpm = UNKNOWN_BPM
        self.trust = 1.0  # 0..1; how hard a beat strikes: less where it is heard and not sure
        self._from = (0.0, 0.0)  # (seconds, beats) at the last tick
        self._to = (0.0, 0.0)

    def __call__(self, features: AudioFeatures, given: Tempo | None, factor: float, tick: Tick) -> None:
        """Move on to ``tick``. ``given`` overrules the tempo that is heard; ``factor`` doubles or halves that tempo."""
        step, phase, self.trust = 1.0, None, 1.0
        if given is not None:
            self.bpm, phase = given.bpm, given.beats
        elif features.bpm > 0.0:
            self.bpm, step = features.bpm * factor, min(1.0, factor)
            low, high = TRUSTED
            self.trust = min(1.0, max(0.0, (features.beat_confidence - low) / (high - low)))
            phase = features.beat_phase * factor + max(0.0, tick.time - features.time) * self.bpm / 60.0
        expected = self.position + tick.dt * self.bpm / 60.0
        self._from = (tick.time - tick.dt, self.position)
        if phase is None:
            self.position = expected
        elif given is not None and given.exact and abs(given.beats - expected) > 0.5:
            self.position = given.beats  # a start, or a jump to another bar
            self._from = (self._from[0], min(self._from[1], self.position))
        else:
            # Only the phase is known: go to the nearest place that has it, never backwards.
            off = (phase - expected + step / 2) % step - step / 2
            self.position = max(self.position, expected + off)
        self._to = (tick.time, self.position)

    def at(self, moments: Sequence[float]) -> list[float]:
        """Return the positions (beats) at ``moments`` between the last tick and this one."""
        (t0, b0), (t1, b1) = self._from, self._to
        if t1 <= t0:
            return [b1] * len(moments)
        places = []
        for moment in moments:
            places.append(b0 + (b1 - b0) * (moment - t0) / (t1 - t0))
        return places
