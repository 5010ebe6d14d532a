"""Late latching: what only the drawing needs is read again right before a picture is drawn.

A frame takes the generator tens of milliseconds on a CPU. A beat or a knob that comes meanwhile and moves a pass, the
blackout, ``picture.*`` or the desktop shows in the picture that is about to go out. The generator's own rows are read
when it starts, so the latents depend on the ticks alone.

Sound and hands are read once, and two readers see everything: the generator's desk at a frame's tick, and the
drawing's desk at every picture. What one of them reads is kept for the other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TypeAlias

from engine.borders.contracts import Ears, Hands
from engine.borders.controls import Controls
from engine.borders.features import AudioFeatures
from engine.borders.latched import Latched
from engine.borders.params import DESKTOP_ROWS, PICTURE_ROWS, STYLE_ROWS, TRAVEL_ROWS, Params
from engine.borders.tick import Tick
from engine.borders.video import PREFIX as VIDEO
from engine.control.routing.desk import Desk
from engine.generator.warps.rows import ROWS as WARP_ROWS
from engine.gesture.reader import LoggedFrame
from engine.gesture.writer import GestureLog
from engine.show.arrivals import Arrivals
from engine.show.model_fade import FADE

STRENGTH = "style.strength"
MODEL_GROUPS = ("attribute", "label")  # rows that a model brings
EARLY = frozenset(row.name for row in (*TRAVEL_ROWS, *WARP_ROWS, *STYLE_ROWS)) - {STRENGTH} | {FADE}
Pressed: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]  # presses and commands that a reader has not had yet
SOON = 1e-3  # seconds; a hop that ends this much later than a picture's time is heard in it

assert EARLY.isdisjoint(row.name for row in (*PICTURE_ROWS, *DESKTOP_ROWS))


def drawn(name: str) -> bool:
    """Return whether a parameter is read when a picture is drawn, not when its frame begins."""
    return name not in EARLY and name.split(".", 1)[0] not in MODEL_GROUPS


class Latch(Protocol):
    """Reads again what a picture is drawn with."""

    def __call__(self, tick: Tick, features: AudioFeatures, controls: Controls, params: Params) -> Latched:
        """Return what the frame of ``tick`` is drawn with; the rest is what the frame began with."""
        ...

    def between(self, params: Params) -> Latched | None:
        """Return what a picture between two frames is drawn with; ``params`` are those of the newest frame."""
        ...

    @property
    def fresh(self) -> bool:
        """Whether the frame that was begun last has seen something that came since the frame before."""
        ...


class NoLatch:
    """Draws every frame with what it began with: renders and benches, where no time passes."""

    fresh = False

    def __call__(self, tick: Tick, features: AudioFeatures, controls: Controls, params: Params) -> Latched:
        """See Latch."""
        return Latched(features, controls, params)

    def between(self, params: Params) -> Latched | None:
        """See Latch."""
        return None


class SharedEars(Ears):
    """Ears with two readers. `latest` hears up to a frame's tick, `late` up to a picture's time."""

    def __init__(self, ears: Ears) -> None:
        self._ears = ears
        self._for_frames: list[AudioFeatures] = []  # hops that only `late` has returned
        self._for_pictures: deque[AudioFeatures] = deque()
        self._reached = float("-inf")  # seconds; up to here the ears were asked
        self._last = AudioFeatures()  # the last hop that `late` has returned
        self.struck = False  # whether there was an onset for the last frame

    def latest(self, tick: Tick) -> AudioFeatures:
        """See Ears."""
        features = self._hear(tick)
        recent, self._for_frames = (*self._for_frames, *features.recent), []
        features = _with(features, recent)
        self.struck = bool(features.onsets)
        return features

    def late(self, tick: Tick) -> AudioFeatures:
        """Return the features up to ``tick``, with every hop since the last call of this kind."""
        ahead = max(0.0, self._reached - tick.time)  # a frame that began early, or that a song is heard ahead for
        now = self._hear(replace(tick, time=tick.time + ahead, early=ahead))
        self._for_frames += now.recent
        recent = []
        while self._for_pictures and self._for_pictures[0].time <= tick.time + SOON:
            recent.append(self._for_pictures.popleft())
        self._last = recent[-1] if recent else self._last
        return _with(now if now.time <= tick.time + SOON else self._last, tuple(recent))

    def _hear(self, tick: Tick) -> AudioFeatures:
        features = self._ears.latest(tick)
        self._for_pictures += features.recent
        self._reached = max(self._reached, tick.time)
        return features

    def close(self) -> None:
        """See Ears."""
        self._ears.close()


class SharedHands(Hands):
    """Hands with two readers: each of them gets every press and every command once.

    They are read, and nothing else: whoever asks for ports or sets a parameter has the hands themselves.
    """

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._for_frames: Pressed = ((), ())
        self._for_pictures: Pressed = ((), ())
        self._before = Controls()  # of the last frame
        self.moved = False  # whether something was touched for the last frame

    def read(self, tick: Tick) -> Controls:
        """See Hands."""
        controls = self._hands.read(tick)
        self._for_pictures = _joined(self._for_pictures, controls)
        edges, commands = _joined(self._for_frames, controls)
        self._for_frames = (), ()
        self.moved = bool(edges or commands) or touched(self._before, controls)
        self._before = controls
        return replace(controls, edges=edges, commands=commands) if edges or commands else controls

    def late(self, tick: Tick) -> Controls:
        """Return where everything stands, and what was pressed and asked for since the last call of this kind."""
        controls = self._hands.read(tick)
        self._for_frames = _joined(self._for_frames, controls)
        edges, commands = _joined(self._for_pictures, controls)
        self._for_pictures = (), ()
        return replace(controls, edges=edges, commands=commands) if edges or commands else controls


class LiveLatch:
    """Reads the ears and the hands of a show that is played now."""

    def __init__(
        self,
        ears: SharedEars,
        hands: SharedHands,
        desk: Desk,
        now: Callable[[], float],
        log: GestureLog | None = None,
        arrivals: Arrivals | None = None,
    ) -> None:
        """``desk`` is the drawing's, ``now`` the time on the show's clock of a picture that is drawn now, seconds.

        ``arrivals`` are told of what a frame has not seen yet: the next one does not wait for its time.
        """
        self._ears, self._hands, self._desk, self._now = ears, hands, desk, now
        self._log, self._arrivals = log, arrivals
        self._time: float | None = None  # seconds; of the last drawing
        self._index = 0  # of the frame under way
        self._before = Controls()

    @property
    def fresh(self) -> bool:
        """See Latch."""
        return self._ears.struck or self._hands.moved

    def __call__(self, tick: Tick, features: AudioFeatures, controls: Controls, params: Params) -> Latched:
        """See Latch."""
        self._index = tick.index
        # A show that opens is slow: what comes meanwhile is the second frame's to hear.
        return self._read(tick.time if self._time is None else self._now(), params)

    def between(self, params: Params) -> Latched:
        """See Latch."""
        return self._read(self._now(), params)

    def _read(self, now: float, params: Params) -> Latched:
        before = now if self._time is None else self._time
        self._time = max(before, now)
        tick = Tick(self._index, self._time, self._time - before)
        features, controls = self._ears.late(tick), self._hands.late(tick)
        if self._arrivals is not None and (features.onsets or controls.edges or touched(self._before, controls)):
            self._arrivals.note()
        self._before = controls
        if self._log is not None:
            self._log.latched(tick, features, controls)
        return Latched(features, controls, placed(params, self._desk(features, controls, tick)))


class LoggedLatch:
    """Draws every frame with what a gesture log says that it was drawn with."""

    fresh = False

    def __init__(self, frames: tuple[LoggedFrame, ...], desk: Desk) -> None:
        self._frames = {frame.tick.index: frame for frame in frames}
        self._desk = desk

    def __call__(self, tick: Tick, features: AudioFeatures, controls: Controls, params: Params) -> Latched:
        """See Latch."""
        latched = Latched(features, controls, params)
        for late in self._frames[tick.index].late:  # the pictures between two frames, too: envelopes go on in them
            now = self._desk(late.features, late.controls, late.tick)
            latched = Latched(late.features, late.controls, placed(params, now))
        return latched

    def between(self, params: Params) -> Latched | None:
        """See Latch."""
        return None


def placed(params: Params, late: Params) -> Params:
    """Return ``params`` with the rows of the drawing as they are in ``late``."""
    changes = {name: value for name, value in late.items() if params.get(name, value) != value and drawn(name)}
    return params.placed(changes) if changes else params


def _with(features: AudioFeatures, recent: tuple[AudioFeatures, ...]) -> AudioFeatures:
    onsets = tuple(onset for hop in recent for onset in hop.onsets)
    return replace(features, onsets=onsets, recent=recent)


def touched(before: Controls, now: Controls) -> bool:
    """Return whether a control stands elsewhere than before."""
    if now.overrides != before.overrides or now.turned != before.turned:
        return True
    return now.values != before.values and _by_hand(now) != _by_hand(before)


def _by_hand(controls: Controls) -> dict[str, float]:
    """Return the controls without what a camera sees, which changes all the time."""
    return {name: value for name, value in controls.values.items() if not name.startswith(VIDEO)}


def _joined(before: Pressed, controls: Controls) -> Pressed:
    return before[0] + controls.edges, before[1] + controls.commands
