"""One meter: the trace, the overlay, the benchmark and the summary all report what it measured."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from engine.borders.contracts import Playback
from engine.borders.controls import Controls
from engine.borders.features import AudioFeatures
from engine.borders.latched import Latched
from engine.borders.params import Params
from engine.borders.tick import Tick
from engine.show.ring import Ring
from engine.show.trace import Trace

STAGES = ("control", "latent", "generator", "upload", "composite", "present")
RECENT = 32  # frames; the look ahead is their median
LATE = 1.5  # display periods between two pictures; from here on the screen has shown the first one twice
HISTORY = 36_000  # frames; percentiles are of these: ten minutes at 60 fps


class Events:
    """What was told the performer, line by line, until the trace takes it."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def tell(self, line: str) -> None:
        """Keep ``line`` for the picture under way."""
        self._lines.append(line)

    def take(self) -> list[str]:
        """Return the lines since the last call."""
        lines, self._lines = self._lines, []
        return lines


class Meter:
    """Times the stages of every frame, in laps: a stage ends where the next one begins.

    ``frames`` counts what the generator made and ``between`` the crossfades shown until the next of them;
    ``share`` is how much of the newest frame the picture under way has. ``late`` counts the pictures that came after
    their deadline, ``missed`` the refreshes at which the screen showed an old picture instead.
    """

    def __init__(
        self,
        period: float | None = None,
        trace: Trace | None = None,
        playback: Playback | None = None,
        events: Callable[[], list[str]] = list,
        more: tuple[str, ...] = (),
        place: Callable[[float], float] | None = None,
    ) -> None:
        """``period``: seconds from one picture to the next, as the display or ``--fps`` asks for.

        None is for renders and benches, where nothing waits for a picture. ``playback`` is the song's player; the
        trace then carries its position, so the A/V offset is ``time - playback``. ``events`` gives what
        was told since the last call, for the trace. ``more`` names stages beside STAGES: a show has "outputs".
        ``place`` returns the place in the song at a time of the show, for the trace.
        """
        self.period = period
        self.frames = self.between = 0
        self.share = 1.0
        self.late = self.missed = 0
        self.features = AudioFeatures()  # what was heard for the last frame
        self._trace, self._playback, self._events, self._place = trace, playback, events, place
        self._stages: dict[str, float] = dict.fromkeys((*STAGES, *more), 0.0)  # seconds, of the frame under way
        self._began = self._lap = time.perf_counter()
        self._shown: float | None = None  # monotonic s at which the frame under way was presented
        self._took = 0.0  # s from when that frame began
        width = len(self._stages) + 1
        self._history = Ring(HISTORY, width, np.float32)  # s of every stage and of the whole frame: about 1 MB
        self._shown_at, self._generated_at, self._offsets = (Ring(HISTORY, 1) for _ in range(3))
        self._latest: float | None = None  # when the newest picture was shown
        self._ticks = ((0.0, 0.0), (0.0, 0.0))  # of the two newest frames: their time, and when they began
        self._ages: deque[float] = deque(maxlen=RECENT)  # s from the tick of what is seen to the screen

    def begin(self) -> None:
        """Begin a frame."""
        self._began = self._lap = time.perf_counter()

    def lap(self, stage: str, seconds: float | None = None, share: float | None = None) -> None:
        """End ``stage``: it took the time since the last lap, or ``seconds`` where something else ran beside it.

        ``share`` is how much of the newest frame the picture has that the stage has drawn.
        """
        now = time.perf_counter()
        self._stages[stage] += now - self._lap if seconds is None else seconds
        self._lap = now
        if share is not None:
            self.share = share
        if stage == "present":
            self._shown, self._took = time.monotonic(), now - self._began

    def add(self, stage: str, seconds: float) -> None:
        """Add ``seconds`` to a stage that has ended."""
        self._stages[stage] += seconds

    def drop(self) -> None:
        """Forget what the frame under way took: it is not presented."""
        self._stages = dict.fromkeys(self._stages, 0.0)

    def mark(
        self,
        tick: Tick,
        features: AudioFeatures,
        controls: Controls,
        params: Params,
        ws: NDArray[np.float32],
        t: float = 0.0,
        generator: Params | None = None,
    ) -> None:
        """Close the frame that was just presented and write its line; ``t`` is its place on the path, 0..1.

        ``params`` are those it was drawn with, ``generator`` those it was generated with where they may differ.
        """
        # What is done after a frame was presented (recordings, keepsakes) is not part of how late it was.
        mono, now = self._shown or time.monotonic(), time.perf_counter()
        frame = now - self._began
        self._ticks = (self._ticks[1] if self.frames else (tick.time, now - frame)), (tick.time, now - frame)
        self.features = features
        self._history.append((*self._stages.values(), frame))
        self._generated_at.append((mono + tick.early,))
        if self._trace is not None:
            seconds = {**self._stages, "frame": frame, "shown": self._took}
            self._trace.frame(features, controls, params, t, ws, seconds, generator)
        self._present(mono, now, tick.early)
        self.frames += 1
        self._stages = dict.fromkeys(self._stages, 0.0)

    def mark_between(self, share: float, late: Latched | None = None) -> None:
        """Note a crossfade that was presented: ``share`` of the newest frame, the rest of the one before.

        ``late`` is what it was drawn with, where that was read again.
        """
        if not self.frames:
            return
        self.share = share
        if late is not None:
            self.features = late.features
        if self._trace is not None:
            self._trace.between(self.features, late)
        self._present(time.monotonic(), time.perf_counter())
        self.between += 1

    def _present(self, mono: float, now: float, early: float = 0.0) -> None:
        """Note a picture on the screen, and write its line."""
        (old, old_began), (new, new_began) = self._ticks
        seen = new if self.share >= 1.0 else old + self.share * (new - old)
        self._ages.append(now - (old_began + self.share * (new_began - old_began)))
        playback = self._playback.position if self._playback is not None else None
        due = mono + early  # one that began early leaves the next one no less time
        events = [*self._events(), *self._judge(due)]
        self._latest = due
        self._shown_at.append((due,))
        if playback is not None:
            self._offsets.append((seen - playback,))
        if self._trace is not None:
            more: dict[str, float] = {}
            if self.share < 1.0:
                more["share"] = round(self.share, 4)
            if early > 0.0:
                more["early"] = round(early, 6)
            if playback is not None:
                more["playback"] = playback
            if self._place is not None:
                more["place"] = self._place(seen)
            self._trace.write(self.frames + self.between, seen, mono, events, more)

    def _judge(self, due: float) -> list[str]:
        """Count the frame that was presented at ``due`` if that was after its deadline; return what to tell."""
        if self.period is None or self._latest is None:
            return []
        gap = due - self._latest
        if gap < LATE * self.period:
            return []
        self.late += 1
        self.missed += round(gap / self.period) - 1
        return [f"late by {(gap - self.period) * 1e3:.1f} ms"]

    @property
    def under_way(self) -> Mapping[str, float]:
        """The seconds of every stage of the frame that is not marked yet."""
        return self._stages

    def draw_seconds(self) -> float:
        """Return the median time of drawing and showing a picture, seconds, of the last 32 frames."""
        if len(self._history) < RECENT // 4:
            return 0.0
        at = [list(self._stages).index(stage) for stage in ("upload", "composite", "present")]
        return float(np.median(self._history.rows(RECENT)[:, at].sum(axis=1)))

    def work_seconds(self) -> float:
        """Return the median latency from a frame's tick to its presentation, seconds, of the last 32."""
        return float(np.median(self._ages)) if len(self._ages) >= RECENT // 4 else 0.0  # the first few say little

    def lately(self, frames: int = 120) -> list[float]:
        """Return the seconds between the last ``frames`` pictures, oldest first."""
        gaps: list[float] = np.diff(self._shown_at.rows(frames + 1)[:, 0]).tolist()
        return gaps

    def stages_ms(self) -> dict[str, float]:
        """Return the median milliseconds of every stage."""
        if not len(self._history):
            return dict.fromkeys(self._stages, 0.0)
        middle = np.median(self._history.rows(), axis=0) * 1e3
        return {stage: round(float(ms), 4) for stage, ms in zip(self._stages, middle[:-1], strict=True)}

    def seconds_of(self, stage: str) -> list[float]:
        """Return the seconds of a stage, frame by frame."""
        seconds: list[float] = self._history.rows()[:, list(self._stages).index(stage)].tolist()
        return seconds

    def frame_seconds(self) -> list[float]:
        """Return the seconds of whole frames, one by one."""
        seconds: list[float] = self._history.rows()[:, -1].tolist()
        return seconds

    def frame_ms(self) -> dict[str, float]:
        """Return p50, p95, p99 and max of the whole frame, milliseconds of work."""
        whole = (self._history.rows()[:, -1] if len(self._history) else np.zeros(1)) * 1e3
        p50, p95, p99 = np.percentile(whole, [50, 95, 99])
        return {"p50": _r(p50), "p95": _r(p95), "p99": _r(p99), "max": _r(whole.max())}

    def fps(self) -> dict[str, float]:
        """Return the median and the first percentile of pictures per second, as presented."""
        return self._rate(self._shown_at)

    def generated_fps(self) -> dict[str, float]:
        """Return the same of the generator's frames alone."""
        return self._rate(self._generated_at)

    @staticmethod
    def _rate(times: Ring) -> dict[str, float]:
        gaps = np.diff(times.rows()[:, 0])
        gaps = gaps[gaps > 0]
        if len(gaps) == 0:
            return {"median": 0.0, "p1": 0.0}
        return {"median": _r(1.0 / np.median(gaps)), "p1": _r(1.0 / np.percentile(gaps, 99))}

    def offset_ms(self) -> dict[str, float] | None:
        """Return the A/V offset (picture minus sound, ms): its median and the 95th percentile of its size."""
        if not len(self._offsets):
            return None
        offsets = self._offsets.rows()[:, 0] * 1e3
        return {"median": _r(np.median(offsets)), "p95": _r(np.percentile(np.abs(offsets), 95))}

    def close(self) -> None:
        """Finish the trace."""
        if self._trace is not None:
            self._trace.close()
            self._trace = None


def _r(value: float | np.floating) -> float:
    return round(float(value), 4)
