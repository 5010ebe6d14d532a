"""The count of beats and bars: heard, tapped, or told by MIDI clock. Each is trusted more than the one before."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from engine.borders.controls import Tempo
from engine.borders.features import AudioFeatures
from engine.borders.tick import Tick

UNKNOWN_BPM = 120.0  # beats a minute; the tempo while none is heard, tapped or told
TRUSTED = (0.35, 0.65)  # confidence; beats that are heard strike not at all below, and fully above
TRUSTED_BAR = (0.4, 0.6)  # likewise of bars
BAR = 4  # beats; a bar of a tempo that is tapped or told, and while none is heard
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


class Count:
    """A count that goes on by the clock and is pulled to a phase that is heard or told: never backwards."""

    def __init__(self) -> None:
        self.position = 0.0
        self._from = (0.0, 0.0)  # (seconds, count) at the last tick
        self._to = (0.0, 0.0)

    def go(self, tick: Tick, rate: float, phase: float | None = None, step: float = 1.0, exact: bool = False) -> None:
        """Move on to ``tick`` at ``rate`` a second; the nearest place with that ``phase`` within a ``step`` counts.

        ``exact``: ``phase`` is the whole position, and counts where it is more than half a step away.
        """
        expected = self.position + tick.dt * rate
        self._from = (tick.time - tick.dt, self.position)
        if phase is None:
            self.position = expected
        elif exact and abs(phase - expected) > 0.5:
            self.position = phase  # a start, or a jump to another bar
            self._from = (self._from[0], min(self._from[1], self.position))
        else:
            off = (phase - expected + step / 2) % step - step / 2
            self.position = max(self.position, expected + off)
        self._to = (tick.time, self.position)

    def at(self, moments: Sequence[float]) -> list[float]:
        """Return the positions at ``moments`` between the last tick and this one."""
        (t0, b0), (t1, b1) = self._from, self._to
        if t1 <= t0:
            return [b1] * len(moments)
        return [b0 + (b1 - b0) * (moment - t0) / (t1 - t0) for moment in moments]


class Beat:
    """Counts beats and bars through the show: ``position`` is beats since its start, ``bpm`` their tempo."""

    def __init__(self) -> None:
        self.bpm = UNKNOWN_BPM
        self.trust = 1.0  # 0..1; how hard a beat strikes: less where it is heard and not sure
        self.bar_trust = 1.0  # 0..1; likewise of a bar
        self._beats, self._bars = Count(), Count()

    @property
    def position(self) -> float:
        """Return the beats since the show's start."""
        return self._beats.position

    @position.setter
    def position(self, beats: float) -> None:
        self._beats.position, self._bars.position = beats, beats / BAR

    def __call__(self, features: AudioFeatures, given: Tempo | None, factor: float, tick: Tick) -> None:
        """Move on to ``tick``. ``given`` overrules the tempo that is heard; ``factor`` doubles or halves that tempo.

        A given tempo has bars of BAR beats, counted from its own start.
        """
        self.trust = self.bar_trust = 1.0
        if given is not None:
            self.bpm = given.bpm
            self._beats.go(tick, self.bpm / 60.0, given.beats, exact=given.exact)
            self._bars.go(tick, self.bpm / 60.0 / BAR, given.beats / BAR)
        elif features.bpm > 0.0:
            self.bpm, step, since = features.bpm * factor, min(1.0, factor), max(0.0, tick.time - features.time)
            self.trust = trust_of(features.beat_confidence, TRUSTED)
            self.bar_trust = self.trust * trust_of(features.bar_confidence, TRUSTED_BAR)
            self._beats.go(tick, self.bpm / 60.0, features.beat_phase * factor + since * self.bpm / 60.0, step)
            rate = self.bpm / 60.0 / (features.bar_beats or BAR)
            self._bars.go(tick, rate, features.bar_phase * factor + since * rate, step)
        else:
            self._beats.go(tick, self.bpm / 60.0)
            self._bars.go(tick, self.bpm / 60.0 / BAR)

    def at(self, moments: Sequence[float]) -> list[float]:
        """Return the positions (beats) at ``moments`` between the last tick and this one."""
        return self._beats.at(moments)

    def bars_at(self, moments: Sequence[float]) -> list[float]:
        """Return the positions (bars) at ``moments`` between the last tick and this one."""
        return self._bars.at(moments)


def trust_of(confidence: float, limits: tuple[float, float]) -> float:
    """Return 0 below the first of ``limits``, 1 above the second, and a line between."""
    low, high = limits
    return min(1.0, max(0.0, (confidence - low) / (high - low)))
