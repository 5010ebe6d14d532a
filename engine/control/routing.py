"""Sound to picture: the modulation matrix.

A route takes a source through a curve, an attack/release envelope and an amount to a target. Between
two frames the matrix steps from hop to hop of the sound, so what it integrates (the travel along the
spline) does not depend on the frame rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.audio.features import AudioFeatures
from engine.clock import Tick
from engine.control.controls import Controls
from engine.control.envelope import Envelope
from engine.control.params import TABLE, Params

CURVES: Mapping[str, Callable[[float], float]] = {
    "linear": lambda x: x,
    "square": lambda x: x * abs(x),
    "cube": lambda x: x * x * x,
    "root": lambda x: math.sqrt(x) if x > 0.0 else 0.0,
}
MODES = ("add", "multiply", "set")

# Continuous things heard; an onset is an event and strikes its envelope instead.
AUDIO_SOURCES: Mapping[str, Callable[[AudioFeatures], float]] = {
    "audio.rms": lambda f: f.rms,
    "audio.bass": lambda f: f.bass,
    "audio.mid": lambda f: f.mid,
    "audio.treble": lambda f: f.treble,
    "audio.onset_strength": lambda f: f.onset_strength,
    "audio.beat_phase": lambda f: f.beat_phase,
    # Hearing is logarithmic in pitch: 100 Hz is dark (0), 10 kHz is bright (1).
    "audio.spectral_centroid": lambda f: min(max(math.log10(max(f.spectral_centroid, 100.0)) / 2 - 1, 0.0), 1.0),
}
ONSET_SOURCE = "audio.onset"
CONTROL_PREFIXES = ("midi.", "key.", "osc.")


def is_source(name: str) -> bool:
    """Return whether ``name`` is something a route can listen to."""
    return name in AUDIO_SOURCES or name == ONSET_SOURCE or name.startswith(CONTROL_PREFIXES)


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the matrix. ``attack`` and ``release`` are seconds; ``range`` rescales a 0..1 source."""

    source: str
    target: str
    amount: float = 1.0
    attack: float = 0.0
    release: float = 0.0
    mode: str = "add"
    curve: str = "linear"
    range: tuple[float, float] = (0.0, 1.0)

    def shape(self, value: float) -> float:
        """Return what the route sends for an envelope at ``value``."""
        low, high = self.range
        return self.amount * (low + (high - low) * CURVES[self.curve](value))


class Routing:
    """The preset's base values and routes; call it once a frame."""

    def __init__(self, base: Mapping[str, float], routes: Sequence[Route]) -> None:
        """``base`` holds the preset's values by parameter name; what it lacks is at its default."""
        self._base = Params(base)
        self._routes = tuple(routes)
        self._envelopes = [Envelope(route.attack, route.release) for route in self._routes]
        self._heard = AudioFeatures()
        self._controls = Controls()

    def __call__(self, features: AudioFeatures, controls: Controls, tick: Tick) -> Params:
        """Return every parameter for the frame at ``tick``; rates are means since the last tick."""
        self._controls = controls
        rates = {name: 0.0 for name, param in TABLE.items() if param.rate}
        for heard, seconds in self._segments(features, tick):
            means = self._advance(heard, seconds)
            share = seconds / tick.dt if tick.dt > 0.0 else 1.0
            for name in rates:
                rates[name] += share * self._combine(name, means)
        now = [envelope.value for envelope in self._envelopes]
        return Params({name: rates[name] if name in rates else self._combine(name, now) for name in TABLE})

    def _segments(self, features: AudioFeatures, tick: Tick) -> Iterator[tuple[AudioFeatures, float]]:
        """Yield (what was last heard, for how many seconds) from the last tick to this one.

        A hop is known at its end and holds until the next one is: never a look ahead.
        """
        at = tick.time - tick.dt
        for hop in features.recent or (features,):
            until = min(max(hop.time, at), tick.time)
            if until > at:
                yield self._heard, until - at
                at = until
            self._heard = hop
            self._strike(hop)
        if tick.time > at or tick.dt <= 0.0:
            yield self._heard, tick.time - at

    def _strike(self, hop: AudioFeatures) -> None:
        """Let every onset of the hop strike the envelopes that listen for onsets."""
        if hop.onsets:
            for route, envelope in zip(self._routes, self._envelopes, strict=True):
                if route.source == ONSET_SOURCE:
                    envelope.strike(1.0)

    def _advance(self, heard: AudioFeatures, seconds: float) -> list[float]:
        """Move every envelope on by ``seconds``; return their means on the way."""
        means = []
        for route, envelope in zip(self._routes, self._envelopes, strict=True):
            if route.source in AUDIO_SOURCES:
                target = AUDIO_SOURCES[route.source](heard)
            elif route.source == ONSET_SOURCE:
                target = 0.0
            else:
                target = self._controls.values.get(route.source, 0.0)
            means.append(envelope.advance(target if math.isfinite(target) else 0.0, seconds))
        return means

    def _combine(self, name: str, envelopes: Sequence[float]) -> float:
        """Return one parameter: set, then add, then multiply, clamped to its range."""
        value, factor = self._base[name], 1.0
        for route, envelope in zip(self._routes, envelopes, strict=True):
            if route.target != name or not self._speaks(route):
                continue
            sent = route.shape(envelope)
            if route.mode == "set":
                value = sent
            elif route.mode == "add":
                value += sent
            else:
                factor *= sent
        return TABLE[name].clamp(value * factor)

    def _speaks(self, route: Route) -> bool:
        """Return whether the route's source exists yet: a knob nobody touched leaves the preset's value."""
        return not route.source.startswith(CONTROL_PREFIXES) or route.source in self._controls.values
