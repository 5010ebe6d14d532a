"""The clock, the ears, the hands and the cues of a gesture log: a performance played again.

With the ticks of the log every frame has the very latents it had; with another frame rate the sound's hops come
at their own times, the hands and the cues at the first tick that is not before theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.borders.contracts import Hands, Path
from engine.borders.controls import Controls
from engine.borders.cue import Cue, PreparedCue, Ready
from engine.borders.features import AudioFeatures
from engine.borders.params import Params
from engine.borders.preset import Preset
from engine.borders.tick import Tick
from engine.gesture.reader import LoggedCue, LoggedFrame, LoggedJoin
from engine.gesture.rows import summed
from engine.latent.path import digest

SOON = 1e-9  # seconds; a tick that is a sum of fractions may be early by this rounding error


class LogClock:
    """The ticks of the performance itself, or evenly spaced ones over the same time."""

    def __init__(self, frames: Sequence[LoggedFrame], fps: float | None, seconds: float | None) -> None:
        """``fps`` None keeps the ticks; ``seconds`` is where the clock stops, None at the end."""
        self.begin = frames[0].tick.time
        ticks = [frame.tick for frame in frames]
        if fps is not None:
            length = ticks[-1].time - self.begin + ticks[-1].dt
            count = max(1, round(length * fps))
            ticks = [Tick(i, self.begin + i / fps, 1.0 / fps if i else 0.0) for i in range(count)]
        if seconds is not None:
            ticks = [tick for tick in ticks if tick.time - self.begin < seconds] or ticks[:1]
        self._ticks = ticks
        self.frames = len(ticks)

    @property
    def ends(self) -> list[float]:
        """Return when each frame ends, in seconds from the beginning."""
        times = [tick.time - self.begin for tick in self._ticks]
        return [*times[1:], times[-1] + max(self._ticks[-1].dt, 1e-3)]

    def __iter__(self) -> Iterator[Tick]:
        return iter(self._ticks)


class LogEars:
    """The features of the log, every hop once. With the log's ticks a frame gets its logged features."""

    def __init__(self, frames: Sequence[LoggedFrame]) -> None:
        self._frames = frames
        self._hops = [hop for frame in frames for hop in frame.features.recent]
        self._hop = self._frame = 0
        self._last = last = AudioFeatures()
        self._silent: list[bool] = []  # frames whose features are not those of the last hop: the input was lost
        for frame in frames:
            last = frame.features.recent[-1] if frame.features.recent else last
            self._silent.append(frame.features != summed(last, frame.features.recent))

    def latest(self, tick: Tick) -> AudioFeatures:
        """Return what was heard up to ``tick``."""
        while self._frame < len(self._frames) and self._frames[self._frame].tick.time <= tick.time + SOON:
            self._frame += 1
        now = max(0, self._frame - 1)
        begin = self._hop
        while self._hop < len(self._hops) and self._hops[self._hop].time <= tick.time + SOON:
            self._hop += 1
        recent = tuple(self._hops[begin : self._hop])
        self._last = recent[-1] if recent else self._last
        onsets = tuple(onset for hop in recent for onset in hop.onsets)
        heard = self._frames[now].features if self._silent[now] else self._last
        return replace(heard, onsets=onsets, recent=recent)

    def close(self) -> None:
        """Nothing to release."""


class ExactEars:
    """The features of the log, frame by frame."""

    def __init__(self, frames: Sequence[LoggedFrame]) -> None:
        self._frames = {frame.tick.index: frame for frame in frames}

    def latest(self, tick: Tick) -> AudioFeatures:
        """Return the features of the tick's frame."""
        return self._frames[tick.index].features

    def close(self) -> None:
        """Nothing to release."""


class LogHands(Hands):
    """Where the hands stood at a tick, and everything that was pressed since the one before."""

    def __init__(self, frames: Sequence[LoggedFrame], exact: bool = False) -> None:
        """``exact``: ticks are those of the log."""
        self._frames, self._next, self._due = frames, 0, _by_index if exact else _by_time
        self._now, self._at = Controls(), 0.0

    def read(self, tick: Tick) -> Controls:
        """Return the controls of the last logged frame that is not after ``tick``."""
        edges: tuple[str, ...] = ()
        commands: tuple[str, ...] = ()
        while self._next < len(self._frames) and self._due(self._frames[self._next].tick, tick):
            frame = self._frames[self._next]
            self._now, self._at = frame.controls, frame.tick.time
            edges, commands = edges + frame.controls.edges, commands + frame.controls.commands
            self._next += 1
        tempo = self._now.tempo
        if tempo is not None and tick.time > self._at:
            tempo = replace(tempo, beats=tempo.beats + (tick.time - self._at) * tempo.bpm / 60.0)
        return replace(self._now, edges=edges, commands=commands, tempo=tempo)


def _by_time(due: Tick, now: Tick) -> bool:
    return due.time <= now.time + SOON


def _by_index(due: Tick, now: Tick) -> bool:
    return due.index <= now.index  # two ticks can have one time: a player that stalls


class LogCues:
    """The cues of the log. Each is prepared when it is due, in the loop: a replay may wait."""

    def __init__(
        self,
        cues: Sequence[LoggedCue],
        frames: Sequence[LoggedFrame],
        exact: bool,
        prepare: Callable[[Preset, float | None], PreparedCue],
    ) -> None:
        """``prepare`` gets a preset and where its path begins, None: it has no new one.

        ``exact``: ticks are those of the log.
        """
        ticks = {frame.tick.index: frame.tick for frame in frames}
        # A cue before an unwritten frame was never shown.
        self._coming = [(ticks[cue.index], cue) for cue in cues if cue.index in ticks]
        self._prepare, self._due = prepare, _by_index if exact else _by_time

    def poll(self, tick: Tick) -> Ready | None:
        """Return the cue that begins at ``tick``, if one does; of several the later ones follow, a frame each."""
        if not self._coming or not self._due(self._coming[0][0], tick):
            return None
        cue = self._coming.pop(0)[1]
        return Ready(Cue(cue.preset, cue.seconds, cue.transition), self._prepare(cue.preset, cue.t))


class LogJoins:
    """Travels as the show did: points join the path where they joined it then."""

    def __init__(self, joins: Sequence[LoggedJoin], frames: Sequence[LoggedFrame], exact: bool, path: Path) -> None:
        """``exact``: ticks are those of the log."""
        ticks = {frame.tick.index: frame.tick for frame in frames}
        self._coming = [(ticks[join.index], join) for join in joins if join.index in ticks]
        self._path, self._due = path, _by_index if exact else _by_time

    def __call__(self, params: Params, tick: Tick) -> NDArray[np.float32]:
        """Return the ws [num_ws, w_dim] at ``tick``."""
        while self._coming and self._due(self._coming[0][0], tick):
            join = self._coming.pop(0)[1]
            self._path.join(join.point, replace=join.replace, now=join.now)
        return np.asarray(self._path.travel(params, tick), dtype=np.float32)


class Proof:
    """Counts the frames whose latents are those of the performance."""

    def __init__(self, frames: Sequence[LoggedFrame]) -> None:
        self._ws = {frame.tick.index: frame.ws for frame in frames}
        self.same = self.frames = 0

    def watch(self, path: Callable[[Params, Tick], NDArray[np.float32]]) -> Callable[..., NDArray[np.float32]]:
        """Return ``path``, its ws compared."""

        def call(params: Params, tick: Tick) -> NDArray[np.float32]:
            ws = path(params, tick)
            self.frames += 1
            self.same += self._ws.get(tick.index) == digest(ws)
            return ws

        return call
