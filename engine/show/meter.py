"""One meter: the trace, the overlay, the benchmark and the summary all report what it measured."""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ParamSpec, TextIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.borders.controls import Controls
from engine.borders.errors import UserError
from engine.borders.features import AudioFeatures
from engine.borders.params import Params
from engine.borders.tick import Tick
from engine.latent.path import digest
from engine.show.ring import Ring

STAGES = ("control", "latent", "generator", "upload", "composite", "present")
RECENT = 32  # frames that the look ahead is taken from
LATE = 1.5  # periods between two pictures from which the second was late: the screen showed the first one twice
HISTORY = 36_000  # frames kept for percentiles: ten minutes at 60 fps, and no more however long the show

P = ParamSpec("P")
R = TypeVar("R")


class Meter:
    """Times the stages of every frame and writes the trace.

    ``position`` gives the spline's t. ``playback`` gives the song's playback position at present, if
    there is a song; the trace then carries it, so A/V offset is ``time - playback``.

    ``period`` is the seconds from one picture to the next that the display or ``--fps`` asks for, None
    where nothing waits for a picture (render, bench). ``late`` counts the pictures that came after their
    deadline, ``missed`` the times that the screen had to show an old one instead.

    ``frames`` counts what the generator made and ``between`` the crossfades shown until the next of them;
    ``share`` is how much of the newest frame the picture under way has.
    """

    def __init__(
        self,
        trace: Path | None = None,
        position: Callable[[], float] = lambda: 0.0,
        playback: Callable[[], float] | None = None,
        pictures: bool = False,
    ) -> None:
        """UserError when the trace file cannot be written. ``pictures``: ``pixels`` are traced as ``picture_hash``."""
        if pictures and trace is None:
            raise UserError("--trace-pictures: there is no trace to add to; name one with --trace F.jsonl")
        self._pictures = pictures
        self.pixels: Callable[[], NDArray[np.uint8]] | None = None  # reads what was presented, [H, W, 4]
        self.position = position
        self.playback = playback
        self.frames = self.between = 0
        self.share = 1.0
        self.period: float | None = None
        self.late = self.missed = 0
        self.features = AudioFeatures()  # what was heard for the last frame
        self._stages: dict[str, float] = dict.fromkeys(STAGES, 0.0)
        self._began: float | None = None
        self._shown: float | None = None  # monotonic s at which the frame under way was presented
        self._took = 0.0  # s from when that frame began
        self._events: list[str] = []
        self._history: Ring | None = None  # seconds of every stage and of the whole frame: two MB or so
        self._shown_at, self._generated_at, self._offsets = (Ring(HISTORY, 1) for _ in range(3))
        self._latest: float | None = None  # when the newest picture was shown
        self._ticks = ((0.0, 0.0), (0.0, 0.0))  # of the two newest frames: their time, and when they began
        self._ages: deque[float] = deque(maxlen=RECENT)  # seconds from the tick of what is seen to the screen
        self._line: dict[str, Any] = {}  # the newest frame's
        self._trace: TextIO | None = None
        if trace is not None:
            try:
                self._trace = trace.open("w", encoding="utf-8", buffering=1)
            except OSError as error:
                raise UserError(f"{trace}: cannot write the trace: {error.strerror}") from error

    def timed(self, stage: str, call: Callable[P, R]) -> Callable[P, R]:
        """Return ``call``, its time added to ``stage`` of the frame under way. Before the first frame.

        A stage that is not one of STAGES is told as well: a show has "outputs".
        """
        self._stages.setdefault(stage, 0.0)

        def measured(*args: P.args, **kwargs: P.kwargs) -> R:
            start = time.perf_counter()
            if self._began is None:
                self._began = start
            try:
                return call(*args, **kwargs)
            finally:
                self._stages[stage] += time.perf_counter() - start
                if stage == "present":
                    self._shown, self._took = time.monotonic(), time.perf_counter() - self._began

        return measured

    def event(self, text: str) -> None:
        """Note something worth a line in the trace of the frame under way."""
        self._events.append(text)

    def mark(
        self, tick: Tick, features: AudioFeatures, controls: Controls, params: Params, ws: NDArray[np.float32]
    ) -> None:
        """Close the frame that was just presented and write its line."""
        # What is done after a frame was presented (recordings, keepsakes) is not part of how late it was.
        mono, now = self._shown or time.monotonic(), time.perf_counter()
        frame = now - (self._began if self._began is not None else now)
        timings = {**self._stages, "frame": frame}
        self._ticks = (self._ticks[1] if self.frames else (tick.time, now - frame)), (tick.time, now - frame)
        self.features = features
        if self._history is None or self._history.width != len(timings):
            self._history = Ring(HISTORY, len(timings), np.float32)
        self._history.append(tuple(timings.values()))
        self._generated_at.append((mono + tick.early,))
        if self._trace is not None:
            self._line = _line(features, controls, params) | {"t": self.position(), "ws_hash": digest(ws)}
            timings["shown"] = self._took
            self._line |= {"timings_ms": {k: round(v * 1e3, 4) for k, v in timings.items()}, "generated": True}
        self._present(mono, now, self.frames + self.between, tick.early)
        self.frames += 1
        self._stages = dict.fromkeys(self._stages, 0.0)
        self._began = None
        self._events = []

    def mark_between(self, share: float) -> None:
        """Note a crossfade that was presented: ``share`` of the newest frame, the rest of the one before."""
        if not self.frames:
            return
        self.share = share
        features = dict(self._line.get("features", {})) | {"onsets": 0}  # the newest frame's line has counted them
        self._line = self._line | {"features": features, "generated": False}
        self._present(time.monotonic(), time.perf_counter(), self.frames + self.between)
        self.between += 1

    def _present(self, mono: float, now: float, index: int, early: float = 0.0) -> None:
        """Note a picture on the screen, and write its line."""
        (old, old_began), (new, new_began) = self._ticks
        seen = new if self.share >= 1.0 else old + self.share * (new - old)
        self._ages.append(now - (old_began + self.share * (new_began - old_began)))
        playback = self.playback() if self.playback is not None else None
        due = mono + early  # one that began early leaves the next one no less time
        self._judge(due)
        self._latest = due
        self._shown_at.append((due,))
        if playback is not None:
            self._offsets.append((seen - playback,))
        if self._trace is not None:
            line = {"index": index, "time": seen, **self._line, "mono": mono, "events": self._events}
            if self.share < 1.0:
                line["share"] = round(self.share, 4)
            if early > 0.0:
                line["early"] = round(early, 6)
            if playback is not None:
                line["playback"] = playback
            if self._pictures and self.pixels is not None:
                line["picture_hash"] = hashlib.blake2b(self.pixels().tobytes()).hexdigest()
            self._trace.write(json.dumps(line) + "\n")
        self._events = []

    def _judge(self, due: float) -> None:
        """Count the frame that was presented at ``due``, had it not begun early, if that was after its deadline."""
        if self.period is None or self._latest is None:
            return
        gap = due - self._latest
        if gap >= LATE * self.period:
            self.late += 1
            self.missed += round(gap / self.period) - 1
            self.event(f"late by {(gap - self.period) * 1e3:.1f} ms")

    @property
    def under_way(self) -> Mapping[str, float]:
        """The seconds of every stage of the frame that is not marked yet."""
        return self._stages

    def work_seconds(self) -> float:
        """Return how long what is seen has lately taken from its tick to the screen (median of the last 30)."""
        return float(np.median(self._ages)) if len(self._ages) >= RECENT // 4 else 0.0  # the first few say little

    def lately(self, frames: int = 120) -> list[float]:
        """Return the seconds between the last ``frames`` pictures, oldest first."""
        gaps: list[float] = np.diff(self._shown_at.rows(frames + 1)[:, 0]).tolist()
        return gaps

    def stages_ms(self) -> dict[str, float]:
        """Return the median milliseconds of every stage."""
        if self._history is None:
            return dict.fromkeys(self._stages, 0.0)
        middle = np.median(self._history.rows(), axis=0) * 1e3
        return {stage: round(float(ms), 4) for stage, ms in zip(self._stages, middle[:-1], strict=True)}

    def seconds_of(self, stage: str) -> list[float]:
        """Return the seconds of a stage, frame by frame."""
        seconds: list[float] = self._of(list(self._stages).index(stage)).tolist()
        return seconds

    def _of(self, column: int) -> NDArray[np.floating]:
        """Return a column of the history, oldest first."""
        return self._history.rows()[:, column] if self._history is not None else np.zeros(0)

    def frame_ms(self) -> dict[str, float]:
        """Return p50, p95, p99 and max of the whole frame, milliseconds of work."""
        whole = (self._of(-1) if self._history is not None else np.zeros(1)) * 1e3
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


def _r(value: Any) -> float:
    return round(float(value), 4)


def _line(features: AudioFeatures, controls: Controls, params: Params) -> dict[str, Any]:
    """Return the part of a trace line that says what was heard, held and asked for."""
    heard: Mapping[str, Any] = {
        "time": features.time,
        "rms": features.rms,
        "bass": features.bass,
        "mid": features.mid,
        "treble": features.treble,
        "onset_strength": features.onset_strength,
        "onsets": len(features.onsets),
        "bpm": features.bpm,
        "beat_phase": features.beat_phase,
        "spectral_centroid": features.spectral_centroid,
    }
    return {
        "features": heard,
        "controls": dict(controls.values),
        "params": dict(params),
    }
