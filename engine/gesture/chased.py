"""A gesture log that is performed live under a show's clock: where timecode is, there is the performance.

What was heard, where the hands stood and which cue played are those of the log at that place, on the ticks of the show
that plays now. A jump goes there with the next frame: the path stands where it stood then. While the clock stands, so
does the picture. The performer's own hands go over it: commands, blackout, freeze, and what the mouse sets.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from engine.borders.contracts import Ears, Hands, Path
from engine.borders.controls import Controls, Searched
from engine.borders.cue import Cue
from engine.borders.features import AudioFeatures
from engine.borders.params import Params, Table
from engine.borders.preset import Preset
from engine.borders.tick import Tick
from engine.borders.timecode import Mark
from engine.control.routing.desk import Desk
from engine.control.timing.show_timecode import ShowTimecode
from engine.gesture.reader import LoggedFrame, Performance

BACK_SECONDS, ON_SECONDS = 0.25, 1.0  # s; a step of the place beyond these is a jump
SAME = ("panic",)  # commands of the log that are carried out again; the rest was for that night
MIDNIGHT = Mark(0, 0, 0)

Walk = Callable[[Params, Tick], NDArray[np.float32]]


class Chased:
    """A performance and the clock that it follows."""

    def __init__(self, performance: Performance, timecode: ShowTimecode, begins: Mark | None = None) -> None:
        """``begins`` is the label of the log's second 0, where its show or song began; None: as it was then, or 0."""
        self.frames, self.first = performance.frames, performance.preset
        self._timecode = timecode
        self._times = [frame.tick.time for frame in self.frames]
        self._begins = begins
        told = next((frame for frame in self.frames if frame.controls.timecode is not None), None)
        self._time = self._times[0]  # s; where the performance is
        self._offset: float | None = None  # s; from timecode to the log's time
        if begins is None and told is not None and told.controls.timecode is not None:
            self._offset = told.tick.time - told.controls.timecode.position
        at = {frame.tick.index: frame.tick.time for frame in self.frames}
        coming = [(at[cue.index], cue) for cue in performance.cues if cue.index in at]
        self._cue_times = [time for time, _ in coming]
        self.joins = [(at[join.index], join) for join in performance.joins if join.index in at]
        self.cues = [cue for _, cue in coming]

    @property
    def preset(self) -> Preset:
        """The preset that plays."""
        return self.preset_at(self._time)

    @property
    def index(self) -> int:
        """The number of the preset that plays, from 0."""
        return self.cue(self._time) + 1

    @property
    def wanted(self) -> int | None:
        """None: no cue of a performance waits for its beat."""
        return None

    def place(self, tick: Tick) -> tuple[float, bool] | None:
        """Return the log's time at ``tick``, and whether it runs on; None while the clock is not known."""
        code = self._timecode.at(tick)
        if code is None:
            return None
        offset = self._offset
        if offset is None:
            offset = -(self._begins or MIDNIGHT).position(code.rate)
        time = code.position + offset
        inside = self._times[0] <= time <= self._times[-1]
        self._time = min(max(time, self._times[0]), self._times[-1])
        return self._time, inside and code.state != "stands"

    def frame(self, time: float) -> int:
        """Return the number of the newest frame at a time of the log."""
        return max(0, bisect_right(self._times, time) - 1)

    def cue(self, time: float) -> int:
        """Return the number of the cue that plays at a time of the log; -1: the first preset."""
        return bisect_right(self._cue_times, time) - 1

    def cue_time(self, cue: int) -> float:
        """Return when a cue began, in the log's time."""
        return self._cue_times[cue]

    def preset_at(self, time: float) -> Preset:
        """Return the preset that plays at a time of the log."""
        cue = self.cue(time)
        return self.first if cue < 0 else self.cues[cue].preset


class ChasedEars(Ears):
    """The features of the log, on the ticks of the show."""

    def __init__(self, chased: Chased, ears: Ears) -> None:
        """``ears`` are the input's, which may bring the timecode; what else they hear does not count."""
        self._chased, self._ears = chased, ears
        self._hops = [hop for frame in chased.frames for hop in frame.features.recent]
        self._times = [hop.time for hop in self._hops]
        self._last: float | None = None  # s of the log

    def latest(self, tick: Tick) -> AudioFeatures:
        """See Ears."""
        self._ears.latest(tick)
        found = self._chased.place(tick)
        if found is None or not self._hops:
            return AudioFeatures(time=tick.time)
        time, runs = found
        before, end = self._last, bisect_right(self._times, time)
        self._last = time if before is None or time > before or _jumps(before, time) else before
        heard = self._hops[max(0, end - 1)]
        begin = end - 1 if before is None or _jumps(before, time) else bisect_right(self._times, before)
        shift = tick.time - time
        recent = tuple(_shifted(hop, shift) for hop in self._hops[max(0, begin) : end]) if runs else ()
        onsets = tuple(onset for hop in recent for onset in hop.onsets)
        return replace(_shifted(heard, shift), time=min(heard.time + shift, tick.time), onsets=onsets, recent=recent)

    def close(self) -> None:
        """See Ears."""
        self._ears.close()


class ChasedHands(Hands):
    """The hands of the log, and the performer's over them."""

    def __init__(self, chased: Chased, hands: Hands) -> None:
        self._chased, self._hands = chased, hands
        self._last: float | None = None  # s of the log
        self._at = -1  # frame of the log

    def read(self, tick: Tick) -> Controls:
        """See Hands."""
        live, found = self._hands.read(tick), self._chased.place(tick)
        if found is None:
            return replace(live, freeze=True)
        (time, runs), frames = found, self._chased.frames
        now = self._chased.frame(time)
        passed: Sequence[LoggedFrame] = ()
        if self._last is None or _jumps(self._last, time):
            self._at = now
        elif now > self._at:
            passed, self._at = frames[self._at + 1 : now + 1], now
        self._last = time
        then = frames[now].controls
        commands = tuple(each for frame in passed for each in frame.controls.commands if each in SAME)
        tempo = then.tempo
        if tempo is not None:
            tempo = replace(tempo, beats=tempo.beats + (time - frames[now].tick.time) * tempo.bpm / 60.0)
        return replace(
            then,
            edges=(*(edge for frame in passed for edge in frame.controls.edges), *live.edges),
            commands=(*commands, *live.commands),
            overrides=MappingProxyType({**then.overrides, **live.overrides}),
            tempo=tempo,
            timecode=live.timecode,
            blackout=then.blackout or live.blackout,
            freeze=then.freeze or live.freeze or not runs,
        )

    @property
    def ports(self) -> tuple[str, ...]:
        """See Hands."""
        return self._hands.ports

    @property
    def last_moved(self) -> str | None:
        """See Hands."""
        return self._hands.last_moved

    @property
    def searching(self) -> Searched | None:
        """See Hands."""
        return self._hands.searching

    def take(self, table: Table) -> None:
        """See Hands."""
        self._hands.take(table)

    def set(self, name: str, value: float | None) -> None:
        """See Hands."""
        self._hands.set(name, value)

    def lines(self) -> tuple[str, ...]:
        """See Hands."""
        return self._hands.lines()

    def states(self) -> tuple[str, ...]:
        """See Hands."""
        return self._hands.states()


class ChasedCues:
    """Asks for the cue that played; after a jump by a cut."""

    def __init__(self, chased: Chased) -> None:
        self._chased = chased
        self._at = -1  # cue of the log
        self._last: float | None = None  # s of the log

    def poll(self, tick: Tick) -> Cue | None:
        """Return the cue that begins at ``tick``, if one does."""
        found = self._chased.place(tick)
        if found is None:
            return None
        time, last = found[0], self._last
        self._last, at = time, self._chased.cue(time)
        if at == self._at:
            return None
        follows = at == self._at + 1 and last is not None and not _jumps(last, time)
        self._at = at
        if at < 0:
            return Cue(self._chased.first)
        cue = self._chased.cues[at]
        return Cue(cue.preset, cue.seconds, cue.transition) if follows else Cue(cue.preset)


class ChasedWalk:
    """Travels as the show does; after a jump and a cue from where the path stood then, once its preset plays."""

    def __init__(self, chased: Chased, path: Path, desk: Desk, travel: Walk) -> None:
        """``desk`` says which preset plays."""
        self._chased, self._path, self._desk, self._travel = chased, path, desk, travel
        self._last: float | None = None  # s of the log
        self._preset: Preset | None = None  # that played in the frame before
        self._away = True  # whether the path is still to be brought there
        self._joined = set[int]()  # numbers of the joins that the present path has taken

    def __call__(self, params: Params, tick: Tick) -> NDArray[np.float32]:
        """Return the ws [num_ws, w_dim] at ``tick``."""
        found = self._chased.place(tick)
        if found is not None:
            time = found[0]
            new = self._desk.preset is not self._preset
            self._away = self._away or new or self._last is None or _jumps(self._last, time)
            self._last, self._preset = time, self._desk.preset
            if new:
                self._joined = set()
            phases = self._chased.frames[self._chased.frame(time)].phases
            if self._away and self._desk.preset == self._chased.preset_at(time):
                self._away = False
                if len(phases) == len(self._path.phases):  # logs before phases were written have none
                    self._path.stand(phases, params)
            if self._chased.joins and self._desk.preset == self._chased.preset_at(time):
                self._join(time)
        return self._travel(params, tick)

    def _join(self, time: float) -> None:
        """Let the points join that had joined this preset's path by then, once each."""
        cue = self._chased.cue(time)
        begins = -1.0 if cue < 0 else self._chased.cue_time(cue)
        for number, (at, join) in enumerate(self._chased.joins):
            if begins <= at <= time and number not in self._joined:
                self._joined.add(number)
                self._path.join(join.point, replace=join.replace, now=join.now)


def _jumps(before: float, now: float) -> bool:
    return not -BACK_SECONDS <= now - before <= ON_SECONDS


def _shifted(hop: AudioFeatures, seconds: float) -> AudioFeatures:
    """Return a hop of the log on the clock of the show."""
    onsets = tuple(replace(onset, time=onset.time + seconds, heard_at=onset.heard_at + seconds) for onset in hop.onsets)
    return replace(hop, time=hop.time + seconds, onsets=onsets)
