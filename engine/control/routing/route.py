"""One row of the modulation matrix: from a source through a curve and an envelope to a target."""

from __future__ import annotations

import math

from engine.borders.controls import Controls
from engine.borders.features import AudioFeatures
from engine.borders.params import Param
from engine.borders.preset import Route
from engine.control.routing.beat import Beat
from engine.control.routing.envelope import Envelope
from engine.control.routing.sources import (
    AUDIO_SOURCES,
    CONTROL_PREFIXES,
    ONSET_SOURCE,
    TEMPO_SOURCES,
    beats,
    cycle,
    is_knob,
)
from engine.control.routing.takeover import Takeover


class Row:
    """A route at work: its envelope, and the takeover of its knob."""

    def __init__(self, route: Route, seed: int = 0, takeover: str = "pickup") -> None:
        """``seed`` is that of random sources; ``takeover`` one of takeover.MODES."""
        self.route = route
        self.envelope = Envelope(route.attack, route.release)
        self.takeover = Takeover(takeover) if is_knob(route.source) else None
        self.is_control = route.source.startswith(CONTROL_PREFIXES)
        self.cycle = cycle(route.source, seed)
        self._beats = beats(route.source)
        self._audio = AUDIO_SOURCES.get(route.source)
        self._tempo = TEMPO_SOURCES.get(route.source)

    @property
    def fine(self) -> bool:
        """Return whether the row must be stepped finely for its mean to be that of any frame rate."""
        moving = self.cycle is not None
        return moving and (self.envelope.attack + self.envelope.release > 0.0 or self.route.curve != "linear")

    def arm(self, value: float, controls: Controls) -> None:
        """Let the knob wait until it meets ``value``, the parameter without this route."""
        if self.takeover is None:
            return
        neutral = {"set": value, "add": 0.0, "multiply": 1.0}[self.route.mode]
        ghost = self.route.position(neutral)
        self.takeover.arm(ghost, controls.values.get(self.route.source))
        if self.takeover.ghost is not None:
            self.envelope.value = ghost

    def speaks(self, controls: Controls) -> bool:
        """Return whether the source acts: a knob nobody touched, or not yet taken over, leaves the preset's value."""
        if not self.is_control:
            return True
        return self.route.source in controls.values and (self.takeover is None or self.takeover.acting)

    def hear(self, controls: Controls) -> float:
        """Return where a control stands for this row, its takeover heeded. Once a frame."""
        value = controls.values.get(self.route.source)
        if value is None:
            return 0.0
        return value if self.takeover is None else self.takeover(value)

    def strike(self, hop: AudioFeatures) -> None:
        """Let a hop's onsets strike, if this row listens for them."""
        if hop.onsets and self.route.source == ONSET_SOURCE:
            self.envelope.strike(1.0)

    def advance(self, heard: AudioFeatures, control: float, span: tuple[float, float], beat: Beat) -> float:
        """Move on over ``span`` (seconds, from and to); return the envelope's mean on the way."""
        start, end = span
        if self._beats:
            return self._count(start, end, beat)
        if self.cycle is not None:
            where = span if self.cycle.unit == "s" else (beat.at(start), beat.at(end))
            mean = self.envelope.advance(self.cycle.mean(*where), end - start)
            if self.envelope.attack == self.envelope.release == 0.0:
                self.envelope.value = self.cycle.mean(where[1], where[1])
            return mean
        if self._tempo is not None:
            return self.envelope.advance(self._tempo(beat.bpm), end - start)
        target = control if self.is_control else self._audio(heard) if self._audio is not None else 0.0
        return self.envelope.advance(target if math.isfinite(target) else 0.0, end - start)

    def _count(self, start: float, end: float, beat: Beat) -> float:
        """Strike at the beat, if one lies in the span; return the mean."""
        b0, b1 = beat.at(start), beat.at(end)
        due = math.floor(b1 / self._beats) * self._beats
        if not b0 < due <= b1:
            return self.envelope.advance(0.0, end - start)
        before = (end - start) * (due - b0) / (b1 - b0)
        area = self.envelope.advance(0.0, before) * before
        self.envelope.strike(1.0)
        area += self.envelope.advance(0.0, end - start - before) * (end - start - before)
        return area / (end - start) if end > start else self.envelope.value


def bound(param: Param, source: str) -> Route:
    """Return the route of a learned binding: the knob's whole way is the parameter's whole range."""
    return Route(source, param.name, mode="set", range=(param.low, param.high))
