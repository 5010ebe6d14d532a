"""Sound to picture: the modulation matrix.

A route takes a source through a curve, an attack/release envelope and an amount to a target. Between
two frames the matrix steps from hop to hop of the sound, so what it integrates (the travel along the
spline) does not depend on the frame rate.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from engine.borders.controls import Controls, Knob
from engine.borders.features import AudioFeatures
from engine.borders.params import Params, Table
from engine.borders.preset import Route
from engine.borders.tick import Tick
from engine.control.routing.beat import Beat
from engine.control.routing.route import Row, bound

# Oscillators behind an envelope or a curve are stepped on this grid, which 24 to 120 fps share.
FINE_STEPS = 240  # a second


class Routing:
    """A preset's base values and routes; call it once a frame."""

    def __init__(
        self, base: Mapping[str, float], routes: Sequence[Route], table: Table, seed: int = 0, takeover: str = "pickup"
    ) -> None:
        """``base`` holds the preset's values by parameter name; what it lacks is at its default in ``table``.

        ``seed`` is that of the random sources, ``takeover`` how knobs are taken over (takeover.MODES).
        """
        self._base = Params(base, table)
        self._table = table
        self._rows = [Row(route, seed, takeover) for route in routes]
        self._bound: dict[tuple[str, str], Row] = {}
        self._takeover = takeover
        self._fine = any(row.fine for row in self._rows)
        self._beat = Beat()
        self._heard = AudioFeatures()
        self._controls = Controls()

    def arm(self, controls: Controls, before: Routing | None = None) -> None:
        """Let every knob wait until it meets the preset's own value: after a change of preset, and at panic.

        Where ``before``, an earlier version of the same preset, has the very same route, its knob keeps its hold.
        """
        self._controls = controls
        self._bind(controls)
        held = {row.route: row for row in before._all()} if before is not None else {}
        for row in self._all():
            same = held.get(row.route)
            if same is None:
                row.arm(self._value(row.route.target, controls), controls)
            else:
                row.envelope.value, row.takeover = same.envelope.value, same.takeover

    def reset(self) -> None:
        """Bring every envelope to rest."""
        for row in self._all():
            row.envelope.value = 0.0

    def ghosts(self) -> dict[str, tuple[float, float]]:
        """Return {parameter: (the knob's position, the ghost's)} of every knob that waits, 0..1."""
        values = self._controls.values
        return {
            row.route.target: (values.get(row.route.source, 0.0), row.takeover.ghost)
            for row in self._all()
            if row.takeover is not None and row.takeover.ghost is not None and row.route.source in values
        }

    def targets(self) -> frozenset[str]:
        """Return the parameters that something moves."""
        return frozenset(row.route.target for row in self._all())

    def knobs(self, params: Mapping[str, float]) -> tuple[Knob, ...]:
        """Return every knob that sets a parameter: where it is, and where it would be for ``params``."""
        values, rows = self._controls.values, self._all()
        return tuple(
            Knob(row.route.target, row.route.source, values.get(row.route.source),
                 row.route.position(params[row.route.target]), row.takeover.ghost,
                 row.route.shape(values[row.route.source]) if row.route.source in values else None)
            for row in rows
            if row.takeover is not None and row.route.mode == "set"
        )

    def __call__(
        self, features: AudioFeatures, controls: Controls, tick: Tick, beat: Beat | None = None
    ) -> Params:
        """Return every parameter for the frame at ``tick``; rates are means since the last tick.

        ``beat`` is the show's count of beats, already moved on to ``tick``; without it the routing counts itself.
        """
        if beat is None:
            beat = self._beat
            beat(features, controls.tempo, controls.tempo_factor, tick)
        self._controls = controls
        self._bind(controls)
        rows = self._all()
        held = [row.hear(controls) for row in rows]
        targets = {row.route.target for row in rows}  # of a hundred parameters a preset moves a few
        rates = {name: 0.0 for name in targets if self._table[name].rate}
        for heard, span in self._segments(features, tick):
            means = [row.advance(heard, value, span, beat) for row, value in zip(rows, held, strict=True)]
            share = (span[1] - span[0]) / tick.dt if tick.dt > 0.0 else 1.0
            for name in rates:
                rates[name] += share * self._combine(name, rows, means)
        now = [row.envelope.value for row in rows]
        moved = {name: self._combine(name, rows, now) for name in targets if name not in rates}
        return self._base.changed({**self._overrides(controls), **rates, **moved})

    def held(self) -> Params:
        """Return every parameter as the hands hold it: the preset's values under the knobs, without sound or time."""
        rows = [row for row in self._all() if row.takeover is not None]
        now = [row.envelope.value for row in rows]
        moved = {row.route.target: self._combine(row.route.target, rows, now) for row in rows}
        return self._base.changed({**self._overrides(self._controls), **moved})

    def _all(self) -> list[Row]:
        return [*self._rows, *self._bound.values()]

    def _bind(self, controls: Controls) -> None:
        """Keep a row for every learned binding; a new one waits until its knob meets the value it finds."""
        wanted = {pair for pair in controls.bindings.items() if pair[0] in self._table}
        if wanted == set(self._bound):
            return
        self._bound = {key: row for key, row in self._bound.items() if key in wanted}
        for target, source in sorted(wanted - set(self._bound)):
            row = Row(bound(self._table[target], source), takeover=self._takeover)
            row.arm(self._value(target, controls), controls)
            self._bound[target, source] = row

    def _overrides(self, controls: Controls) -> dict[str, float]:
        """Return what OSC sets of the rows that play; a name that no row has at present does nothing."""
        return {name: value for name, value in controls.overrides.items() if name in self._table}

    def _segments(
        self, features: AudioFeatures, tick: Tick
    ) -> Iterator[tuple[AudioFeatures, tuple[float, float]]]:
        """Yield (what was last heard, from when to when) from the last tick to this one.

        A hop is known at its end and holds until the next one is: never a look ahead.
        """
        at = tick.time - tick.dt
        for hop in features.recent or (features,):
            until = min(max(hop.time, at), tick.time)
            for span in self._spans(at, until):
                yield self._heard, span
            at = until
            self._heard = hop
            for row in self._all():
                row.strike(hop)
        for span in self._spans(at, tick.time):
            yield self._heard, span
        if tick.dt <= 0.0:
            yield self._heard, (tick.time, tick.time)

    def _spans(self, start: float, end: float) -> Iterator[tuple[float, float]]:
        """Yield the time from ``start`` to ``end`` (seconds), cut on the fine grid where a row needs it."""
        at = start
        if self._fine:
            index = math.floor(start * FINE_STEPS + 1e-6) + 1
            while index < end * FINE_STEPS - 1e-6:
                yield at, index / FINE_STEPS
                at, index = index / FINE_STEPS, index + 1
        if end > at:
            yield at, end

    def _value(self, name: str, controls: Controls) -> float:
        """Return the preset's value of a parameter, or what OSC put in its place."""
        return controls.overrides.get(name, self._base[name])

    def _combine(self, name: str, rows: Sequence[Row], envelopes: Sequence[float]) -> float:
        """Return one parameter: set, then add, then multiply, clamped to its range."""
        value, factor = self._value(name, self._controls), 1.0
        for row, envelope in zip(rows, envelopes, strict=True):
            if row.route.target != name or not row.speaks(self._controls):
                continue
            sent = row.route.shape(envelope)
            if row.route.mode == "set":
                value = sent
            elif row.route.mode == "add":
                value += sent
            else:
                factor *= sent
        return self._table[name].clamp(value * factor)
