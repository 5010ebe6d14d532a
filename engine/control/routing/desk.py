"""The mixing desk: the preset that plays, the one that comes, and the master switches over both."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from engine.borders.controls import Controls, Knob
from engine.borders.features import AudioFeatures
from engine.borders.options import TAKEOVERS
from engine.borders.params import Params, Table
from engine.borders.preset import Preset
from engine.borders.standing import RouteStanding
from engine.borders.tick import Tick
from engine.control.routing.beat import Beat
from engine.control.routing.routing import Routing

BLACKOUT = "picture.blackout"


class Desk:
    """Every parameter, every frame: one preset's routing, or two while one morphs into the other."""

    def __init__(
        self,
        preset: Preset,
        table: Table,
        seed: int = 0,
        takeover: str = TAKEOVERS[0],
        beat: Beat | None = None,
        drawn: Callable[[str], bool] | None = None,
        only: Callable[[str], bool] | None = None,
    ) -> None:
        """``table`` has the rows that ``preset`` plays with.

        ``seed`` is that of random sources, ``takeover`` how knobs are taken over (TAKEOVERS). ``beat`` is the
        show's count of beats, which the desk moves on.

        ``drawn`` says which parameters are read again when a picture is drawn: a desk of their own, ``late``, is kept
        for them, and follows every change of preset. ``only``: routes to other parameters are left out.
        """
        self.late: Desk | None = None
        if drawn is not None:
            self.late = Desk(preset, table, seed, takeover, only=drawn)
        self._only = only
        self.beat = beat or Beat()
        self.table = table  # of the preset that plays, or that is coming
        self.share = 1.0  # of the preset that plays, or that is coming, 0..1
        self._preset, self._seed, self._takeover = preset, seed, takeover
        self._now = Routing(preset.params, preset.routes, table, seed, takeover, only)
        self._before: Routing | None = None
        self._both = table  # during a morph: the rows of both presets
        self._began: float | None = None  # seconds on the rig's clock
        self._seconds = 0.0
        self._controls = Controls()
        self._frozen: Params | None = None

    def cue(self, preset: Preset, seconds: float, table: Table | None = None) -> None:
        """Change to ``preset`` over ``seconds``, 0 for a cut. Knobs wait until they meet what they find.

        ``table`` has the rows of ``preset``, None where they are those of the preset before.
        """
        previous = self._now
        self.table = table or self.table
        self._both = self.table.joined(previous.table)
        self._before = previous if seconds > 0.0 else None
        self._seconds, self._began = seconds, None
        self.share = 0.0 if seconds > 0.0 else 1.0
        self._now = Routing(preset.params, preset.routes, self.table, self._seed, self._takeover, self._only)
        edited = preset.path is not None and preset.path == self._preset.path
        self._now.arm(self._controls, previous if edited else None)
        self._preset = preset
        if self.late is not None:
            self.late.cue(preset, seconds, table)

    def coming(self) -> float:
        """Return the share of the preset that plays, or that is coming, 0..1."""
        return self.share

    def ghosts(self) -> dict[str, tuple[float, float]]:
        """Return {parameter: (the knob's position, the ghost's)}, 0..1, of every knob that waits."""
        return self._now.ghosts()

    def knobs(self, params: Params) -> tuple[Knob, ...]:
        """Return every knob of the preset that plays, for the operator."""
        return self._now.knobs(params)

    def played(self) -> frozenset[str]:
        """Return the parameters that some route of the preset moves."""
        return self._now.targets()

    def held(self) -> Params:
        """Return every parameter as the hands hold it, sound and time apart."""
        return self._now.held()

    def standing(self) -> tuple[RouteStanding, ...]:
        """Return where every route stands of the preset that plays, or that is coming."""
        return self._now.standing()

    def stand(
        self, controls: Controls, routes: Iterable[RouteStanding], params: Params, beats: float, bpm: float
    ) -> None:
        """Take up where another show stood; ``params`` are those in force, held if the picture is frozen."""
        routes = tuple(routes)
        self._controls = controls
        self._now.stand(controls, routes)
        self._frozen = params if controls.freeze else None
        self.beat.position, self.beat.bpm = beats, bpm
        if self.late is not None:
            self.late.stand(controls, routes, params, beats, bpm)

    @property
    def preset(self) -> Preset:
        """The preset that plays, or that is coming."""
        return self._preset

    def __call__(self, features: AudioFeatures, controls: Controls, tick: Tick) -> Params:
        """Return every parameter for the frame at ``tick``; rates are means since the last tick."""
        self._controls = controls
        self.beat(features, controls.tempo, controls.tempo_factor, tick)
        if "panic" in controls.commands:
            self._panic(controls)
        params = self._mix(features, controls, tick)
        if controls.freeze:
            self._frozen = params = self._hold(params)
        else:
            self._frozen = None
        return params.changed({BLACKOUT: 1.0}) if controls.blackout else params

    def _hold(self, params: Params) -> Params:
        """Return what is frozen, standing still. A row that comes meanwhile is held at its first value."""
        frozen, table = self._frozen, params.table
        if frozen is not None and frozen.table is table:
            return frozen
        before = params if frozen is None else frozen
        held = {name: 0.0 if row.rate else before.get(name, params[name]) for name, row in table.items()}
        return Params(held, table)

    def _panic(self, controls: Controls) -> None:
        """Go back to the preset: morph and envelopes end, and every knob waits to be taken over."""
        self._before, self.share = None, 1.0
        self._now.reset()
        self._now.arm(controls)

    def _mix(self, features: AudioFeatures, controls: Controls, tick: Tick) -> Params:
        now = self._now.base.placed(self._now.moves(features, controls, tick, self.beat))
        if self._before is None:
            return now
        before = self._before(features, controls, tick, self.beat)
        # The morph begins at the frame before, so that its first frame already moves a little.
        self._began = tick.time - tick.dt if self._began is None else self._began
        self.share = min(1.0, (tick.time - self._began) / self._seconds)
        if self.share >= 1.0:
            self._before = None
        return self._between(before, now, self.share)

    def _between(self, before: Params, now: Params, share: float) -> Params:
        """Return ``share`` of ``now`` and the rest of ``before``. What only one has goes from or to its default."""
        table = now.table if share >= 1.0 else self._both
        defaults, mixed = table.defaults, {}
        for name, param in table.items():
            a = before[name] if name in before else defaults[name]
            b = now[name] if name in now else defaults[name]
            value = min(max(a + share * (b - a), param.low), param.high)
            mixed[name] = float(round(value)) if param.whole else value
        return Params({}, table).placed(mixed)
