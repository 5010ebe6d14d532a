"""Sound to picture: the modulation matrix.

A route takes a source through a curve, an attack/release envelope and an amount to a target. Between
two frames the matrix steps from hop to hop of the sound, so what it integrates (the travel along the
spline) does not depend on the frame rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from engine.borders.controls import Controls, Knob
from engine.borders.features import AudioFeatures
from engine.borders.options import TAKEOVERS
from engine.borders.params import Param, Params, Table
from engine.borders.preset import Route
from engine.borders.standing import RouteStanding
from engine.borders.tick import Tick
from engine.control.routing.beat import Beat
from engine.control.routing.route import Row, bound
from engine.control.routing.steps import Steps, cut, fold

LAST = (1.0,)  # the shares of a frame that is looked at only at its end


class Routing:
    """A preset's base values and routes, on one table; call it once a frame.

    Every route and learned knob is resolved against the table once, when it comes. Names that the table has no row
    for do nothing.
    """

    def __init__(
        self,
        base: Mapping[str, float],
        routes: Sequence[Route],
        table: Table,
        seed: int = 0,
        takeover: str = TAKEOVERS[0],
        only: Callable[[str], bool] | None = None,
    ) -> None:
        """``base`` holds the preset's values by parameter name; what it lacks is at its default in ``table``.

        ``seed`` is that of the random sources, ``takeover`` how knobs are taken over (TAKEOVERS). ``only`` says which
        parameters the routes and the learned knobs may move; None: all.
        """
        self.table, self._only = table, only
        self.base = Params(base, table)
        self._own = [
            Row(route, table[route.target], seed, takeover) for route in routes if only is None or only(route.target)
        ]
        self._learned: dict[tuple[str, str], Row] = {}
        self._bindings: Mapping[str, str] = {}
        self._takeover = takeover
        self._fine = any(row.fine for row in self._own)
        self._counts = any(row.counts for row in self._own)
        self._beat = Beat()
        self._heard = AudioFeatures()
        self._controls = Controls()
        self._group()

    def arm(self, controls: Controls, before: Routing | None = None) -> None:
        """Let every knob wait until it meets the preset's own value: after a change of preset, and at panic.

        Where ``before``, an earlier version of the same preset, has the very same route, its knob keeps its hold.
        """
        self._controls = controls
        self._bind(controls)
        held = {row.route: row for row in before._rows} if before is not None else {}
        for row in self._rows:
            same = held.get(row.route)
            if same is None:
                row.arm(self._value(row.target, controls), controls)
            else:
                row.envelope.value, row.takeover = same.envelope.value, same.takeover

    def reset(self) -> None:
        """Bring every envelope to rest."""
        for row in self._rows:
            row.envelope.value = 0.0

    def ghosts(self) -> dict[str, tuple[float, float]]:
        """Return {parameter: (the knob's position, the ghost's)} of every knob that waits, 0..1."""
        values = self._controls.values
        return {
            row.target.name: (values[row.source], row.takeover.ghost)
            for row in self._rows
            if row.takeover is not None and row.waits(self._controls) and row.takeover.ghost is not None
        }

    def targets(self) -> frozenset[str]:
        """Return the parameters that something moves."""
        return frozenset(target.param.name for target in self._targets)

    def knobs(self, params: Mapping[str, float]) -> tuple[Knob, ...]:
        """Return every knob that sets a parameter of ``params``: where it is, and where ``params`` have it."""
        return tuple(
            row.knob(params[row.target.name], self._controls)
            for row in self._rows
            if row.takeover is not None and row.mode == "set" and row.target.name in params
        )

    def __call__(self, features: AudioFeatures, controls: Controls, tick: Tick, beat: Beat | None = None) -> Params:
        """Return every parameter for the frame at ``tick``; rates are means since the last tick.

        ``beat`` is the show's count of beats, already moved on to ``tick``; without it the routing counts itself.
        """
        if beat is None:
            beat = self._beat
            beat(features, controls.tempo, controls.tempo_factor, tick)
        return self.base.placed(self.moves(features, controls, tick, beat))

    def moves(self, features: AudioFeatures, controls: Controls, tick: Tick, beat: Beat) -> dict[str, float]:
        """Return what is not as the preset has it in the frame at ``tick``, in its ranges."""
        self._controls = controls
        if controls.bindings != self._bindings:
            self._bind(controls)
        steps = self._steps(features, tick, beat)
        for row in self._rows:
            position = row.place(self._value(row.target, controls), controls) if row.is_control else 0.0
            row.advance(steps, position)
        changes = self._overrides(controls) if controls.overrides else {}
        for target in self._targets:
            name = target.param.name
            value = changes[name] if name in changes else self.base[name]
            changes[name] = target.level(value, steps.shares)
        return changes

    def held(self) -> Params:
        """Return every parameter as the hands hold it: the preset's values under the knobs, without sound or time."""
        controls, moved = self._controls, self._overrides(self._controls)
        for target in self._targets:
            rows = [row for row in target.rows if row.takeover is not None]
            for row in rows:
                row.hold(controls)
            if rows:
                moved[target.param.name] = Target(target.param, rows).level(self._value(target.param, controls), LAST)
        return self.base.placed(moved)

    def standing(self) -> tuple[RouteStanding, ...]:
        """Return where every route stands."""
        found = []
        for row in self._rows:
            over = row.takeover
            knob = () if over is None else (over.ghost, over.acting, over.knob)
            found.append(RouteStanding(row.source, row.target.name, row.envelope.value, *knob))
        return tuple(found)

    def stand(self, controls: Controls, routes: Iterable[RouteStanding]) -> None:
        """Take up where the routes of another show stood. A route that was not there is left as it is."""
        self._controls = controls
        self._bind(controls)
        stood: dict[tuple[str, str], list[RouteStanding]] = {}
        for each in routes:
            stood.setdefault((each.source, each.target), []).append(each)
        for row in self._rows:
            same = stood.get((row.source, row.target.name))
            if not same:
                continue
            was = same.pop(0)  # two routes may have one source and one target
            row.envelope.value = was.envelope
            if row.takeover is not None:
                row.takeover.stand(was.ghost, was.acting, was.knob, controls.turned.get(row.source, 0.0))

    def _bind(self, controls: Controls) -> None:
        """Keep a row for every learned binding; a new one waits until its knob meets the value it finds."""
        self._bindings = controls.bindings
        only = self._only
        wanted = {p for p in controls.bindings.items() if p[0] in self.table and (only is None or only(p[0]))}
        if wanted == set(self._learned):
            return
        self._learned = {key: row for key, row in self._learned.items() if key in wanted}
        for name, source in sorted(wanted - set(self._learned)):
            param = self.table[name]
            row = Row(bound(param, source), param, takeover=self._takeover)
            row.arm(self._value(param, controls), controls)
            self._learned[name, source] = row
        self._group()

    def _group(self) -> None:
        """Group the rows by what they move: a preset moves a few of a hundred parameters."""
        self._rows = [*self._own, *self._learned.values()]
        found: dict[str, Target] = {}
        for row in self._rows:
            found.setdefault(row.target.name, Target(row.target, [])).rows.append(row)
        self._targets = list(found.values())

    def _steps(self, features: AudioFeatures, tick: Tick, beat: Beat) -> Steps:
        """Return the steps from the last tick to this one."""
        hops = fold(tick, self._heard, features.recent or (features,))
        moments, heard, struck, last = cut(tick, self._heard, hops, self._fine)
        self._heard = hops[-1]
        shares = [1.0] * len(heard)
        if tick.dt > 0.0:
            for index in range(len(heard)):
                shares[index] = (moments[index + 1] - moments[index]) / tick.dt
        beats, bars = (beat.at(moments), beat.bars_at(moments)) if self._counts else ([], [])
        return Steps(moments, heard, struck, shares, last, beats, beat.bpm, beat.trust, bars, beat.bar_trust)

    def _overrides(self, controls: Controls) -> dict[str, float]:
        """Return what OSC sets of the rows that play, in their ranges."""
        table = self.table
        return {name: table[name].clamp(value) for name, value in controls.overrides.items() if name in table}

    def _value(self, param: Param, controls: Controls) -> float:
        """Return the preset's value of a parameter, or what OSC put in its place."""
        override = controls.overrides.get(param.name)
        return self.base[param.name] if override is None else param.clamp(override)


class Target:
    """A parameter that something moves, and the rows that do."""

    __slots__ = ("param", "rows")

    def __init__(self, param: Param, rows: list[Row]) -> None:
        self.param, self.rows = param, rows

    def level(self, base: float, shares: Sequence[float]) -> float:
        """Return the parameter: ``base``, set, then added to, then multiplied, then clamped.

        Of a rate it is the mean over steps that have ``shares`` of the frame, of all else what it is at the last.
        """
        param, total, level = self.param, 0.0, base
        low, high = param.low, param.high
        for index, share in enumerate(shares if param.rate else LAST):
            level, factor = base, 1.0
            for row in self.rows:
                if row.acts:
                    sent = row.sends[index]
                    if row.mode == "set":
                        level = sent
                    elif row.mode == "add":
                        level += sent
                    else:
                        factor *= sent
            level *= factor
            level = param.default if math.isnan(level) else min(max(level, low), high)
            total += share * level
        return param.clamp(total) if param.rate else float(round(level)) if param.whole else level
