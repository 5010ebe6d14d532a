"""One row of the modulation matrix: from a source through a curve and an envelope to a target."""

from __future__ import annotations

import math

from engine.borders.controls import Controls, Knob
from engine.borders.options import TAKEOVERS
from engine.borders.params import Param
from engine.borders.preset import CURVES, Route
from engine.control.routing.envelope import Envelope
from engine.control.routing.sources import (
    AUDIO_SOURCES,
    BAR_SOURCE,
    CONTROL_PREFIXES,
    ONSET_SOURCE,
    TEMPO_SOURCES,
    Cycle,
    beats,
    cycle,
    is_knob,
)
from engine.control.routing.steps import Steps
from engine.control.routing.takeover import Takeover

NEUTRAL = {"add": 0.0, "multiply": 1.0}  # what a route sends that changes nothing, by its mode


class Row:
    """A route at work: its envelope, and the takeover of its knob. All it looks up by name it looks up when made.

    ``sends`` is what it sends in the frame: to a rate step by step, to all else once, at the end. ``acts`` says whether
    it counts: a knob that nobody touched, or that is not taken over yet, leaves the preset's value.
    """

    __slots__ = (
        "_amount", "_audio", "_bar", "_beats", "_curve", "_cycle", "_low", "_onsets", "_tempo", "_width", "acts",
        "envelope", "is_control", "mode", "route", "sends", "source", "takeover", "target",
    )  # fmt: skip

    def __init__(self, route: Route, target: Param, seed: int = 0, takeover: str = TAKEOVERS[0]) -> None:
        """``seed`` is that of random sources; ``takeover`` one of TAKEOVERS."""
        self.route, self.target, self.source, self.mode = route, target, route.source, route.mode
        self._amount, self._low, self._width = route.amount, route.range[0], route.range[1] - route.range[0]
        self._curve = CURVES[route.curve][0] if route.curve != "linear" else None
        self.envelope = Envelope(route.attack, route.release)
        self.takeover = Takeover(takeover) if is_knob(route.source) else None
        self.is_control = route.source.startswith(CONTROL_PREFIXES)
        self.acts = not self.is_control
        self.sends: list[float] = []
        self._cycle: Cycle | None = cycle(route.source, seed)
        self._bar = route.source == BAR_SOURCE
        self._beats = 1 if self._bar else beats(route.source)  # a strike every so many beats, or bars
        self._onsets = route.source == ONSET_SOURCE
        self._audio = AUDIO_SOURCES.get(route.source)
        self._tempo = TEMPO_SOURCES.get(route.source)

    @property
    def fine(self) -> bool:
        """Return whether the row must be stepped finely for its mean to be that of any frame rate."""
        return self._cycle is not None and (not self.envelope.at_once or self.route.curve != "linear")

    @property
    def counts(self) -> bool:
        """Return whether the row follows the beat."""
        return self._beats > 0 or (self._cycle is not None and self._cycle.unit == "b")

    def arm(self, value: float, controls: Controls) -> None:
        """Let the knob wait until it meets ``value``, the parameter without this route."""
        if self.takeover is None:
            return
        ghost = self.route.position(NEUTRAL.get(self.mode, value))
        self.takeover.arm(ghost, controls.values.get(self.source), controls.turned.get(self.source))
        if self.takeover.ghost is not None:
            self.envelope.value = ghost

    def place(self, value: float, controls: Controls) -> float:
        """Return where the control stands, 0..1; ``value`` is the parameter's without this route."""
        at, takeover = controls.values.get(self.source), self.takeover
        self.acts = at is not None
        if at is None or takeover is None:
            return at or 0.0
        turned = controls.turned.get(self.source)
        if turned is not None:
            if takeover.stands is None:  # an encoder's first step: it begins where the parameter stands
                self.envelope.value = self.route.position(NEUTRAL.get(self.mode, value))
                takeover.arm(self.envelope.value, at, 0.0)
            at = takeover.turn(turned, at)
        elif takeover.ghost is not None:
            at = takeover(at)
        self.acts = takeover.acting
        return at

    def waits(self, controls: Controls) -> bool:
        """Return whether the knob stands somewhere else than its parameter, and has to meet it."""
        if self.takeover is None or self.source not in controls.values:
            return False
        return self.takeover.ghost is not None and self.source not in controls.turned

    def knob(self, value: float, controls: Controls) -> Knob:
        """Return the knob for people to see; ``value`` is the parameter's. An encoder is where its parameter is."""
        at, ghost = controls.values.get(self.source), self.takeover.ghost if self.takeover is not None else None
        if self.source in controls.turned:
            at, ghost = self.route.position(value), None
        sends = None if at is None else self.route.shape(at)
        return Knob(self.target.name, self.source, at, self.route.position(value), ghost, sends)

    def speaks(self, controls: Controls) -> bool:
        """Return whether the row counts with these controls."""
        if not self.is_control:
            return True
        return self.source in controls.values and (self.takeover is None or self.takeover.acting)

    def hold(self, controls: Controls) -> None:
        """Send what the hand holds, sound and time apart."""
        self.acts, self.sends = self.speaks(controls), [self.route.shape(self.envelope.value)]

    def advance(self, steps: Steps, position: float) -> None:
        """Move on over a frame's ``steps``; ``position`` is where the control stands, if the source is one."""
        if self._cycle is not None:
            means = self._turn(self._cycle, steps)
        elif self._beats:
            means = self._count(steps)
        elif self._onsets:
            means = self.envelope.follow([0.0] * len(steps.heard), steps.moments, steps.struck)
            if steps.struck_last:
                self.envelope.strike(1.0)
        else:
            if self._audio is not None:
                targets = list(map(self._audio, steps.heard))
            else:
                targets = [position if self._tempo is None else self._tempo(steps.bpm)] * len(steps.heard)
            if not all(map(math.isfinite, targets)):
                targets = [target if math.isfinite(target) else 0.0 for target in targets]
            means = self.envelope.follow(targets, steps.moments)
        amount, low, width, curve, self.sends = self._amount, self._low, self._width, self._curve, []
        for mean in means if self.target.rate else (self.envelope.value,):
            self.sends.append(amount * (low + width * (mean if curve is None else curve(mean))))

    def _turn(self, wave: Cycle, steps: Steps) -> list[float]:
        """Follow an oscillator or a held random value; return the means."""
        places = steps.moments if wave.unit == "s" else steps.beats
        envelope = self.envelope
        if not envelope.at_once:
            return envelope.follow(wave.means(places), steps.moments)
        if len(places) > 1:
            envelope.value = wave.value(places[-1] / wave.period)
        return wave.means(places) if self.target.rate else []  # a rate is integrated, all else is looked at last

    def _count(self, steps: Steps) -> list[float]:
        """Strike at each beat, or bar, that lies in a step; return the means."""
        places, trust = (steps.bars, steps.bar_trust) if self._bar else (steps.beats, steps.trust)
        moments, every, envelope = steps.moments, self._beats, self.envelope
        if math.floor(places[-1] / every) * every <= places[0]:  # nothing is due in this frame
            return envelope.follow([0.0] * len(steps.heard), moments)
        means = []
        for start, end, b0, b1 in zip(moments, moments[1:], places, places[1:], strict=False):
            due = math.floor(b1 / every) * every
            if not b0 < due <= b1:
                means.append(envelope.advance(0.0, end - start))
                continue
            before = (end - start) * (due - b0) / (b1 - b0)
            area = envelope.advance(0.0, before) * before
            envelope.strike(trust)
            area += envelope.advance(0.0, end - start - before) * (end - start - before)
            means.append(area / (end - start) if end > start else envelope.value)
        return means


def bound(param: Param, source: str) -> Route:
    """Return the route of a learned binding: the knob's whole way is the parameter's whole range."""
    return Route(source, param.name, mode="set", range=(param.low, param.high))
