"""The reader of the gesture log: it returns the performance, frame by frame. writer.py describes the format."""

from __future__ import annotations

import itertools
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audio.songs.edited import Passage
from engine.borders.controls import Controls
from engine.borders.errors import UserError
from engine.borders.features import AudioFeatures
from engine.borders.params import Table
from engine.borders.preset import Preset
from engine.borders.tick import Tick
from engine.gesture.rows import VERSION, Row, changed, features_of, preset_of, summed, unpacked
from engine.system.files import read_text


@dataclass(frozen=True, slots=True)
class LoggedLatch:
    """What a picture was drawn with: its time, what was heard and how the hands stood by then."""

    tick: Tick
    features: AudioFeatures
    controls: Controls


@dataclass(frozen=True, slots=True)
class LoggedFrame:
    """One frame of the performance; ``ws`` is the digest of its latents.

    ``late`` are the drawings since its tick: those between two frames, and its own as the last.
    """

    tick: Tick
    features: AudioFeatures
    controls: Controls
    ws: str = ""
    phases: tuple[float, ...] = ()  # where the path's travellers were, after it
    late: tuple[LoggedLatch, ...] = ()


@dataclass(frozen=True, slots=True)
class LoggedCue:
    """A cue that was taken before frame ``index``; ``t`` is the start on its new path, None if the path stayed."""

    index: int
    preset: Preset
    seconds: float
    t: float | None
    transition: str = ""  # an ISF shader that led there


@dataclass(frozen=True, slots=True, eq=False)
class LoggedJoin:
    """A point [num_ws, w_dim] that joined the path before frame ``index``; see `Path.join`."""

    index: int
    point: NDArray[np.float32]
    replace: bool
    now: bool


@dataclass(frozen=True, slots=True)
class Performance:
    """The contents of a gesture log: its head, frames, cues, and recordings with the times at which they began.

    A recording's time is the tick's time at which its first picture was seen, if that picture took the median time to
    draw. So sound and pictures are as far apart as in the show. The first picture alone can be late by more than an
    audible delay.
    """

    path: Path
    head: Mapping[str, Any]
    preset: Preset
    frames: tuple[LoggedFrame, ...]
    cues: tuple[LoggedCue, ...]
    recordings: tuple[tuple[Path, float], ...]  # file, seconds
    passages: tuple[Passage, ...] = ()  # of the song, as it was sought in, held and looped
    joins: tuple[LoggedJoin, ...] = ()  # points that joined the path


def read(path: Path, table: Table) -> Performance:
    """Read a log; an incomplete last line is left out. Raises UserError, which says what is wrong with the file.

    ``table`` has the parameters that the log's presets may name.
    """
    lines = deque(read_text(path, "the gesture log").split("\n"))
    rows: list[Any] = []
    for number in range(1, len(lines)):  # a last line without a newline is incomplete
        try:
            rows.append(json.loads(lines.popleft()))
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path}:{number}: not a line of JSON: the log is damaged") from error
    if not rows or not isinstance(rows[0], dict) or rows[0].get("gesture_log") != VERSION:
        raise UserError(f"{path}: not a gesture log of this version: vj live and vj rehearse write them with --log F")
    try:
        return _performance(path, rows, table)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: the gesture log is damaged ({type(error).__name__}: {error})") from error


def _performance(path: Path, rows: list[Row], table: Table) -> Performance:
    head, measures = rows[0], tuple(rows[0]["measures"])
    for row in rows:  # a log of hours is large: its hops are read once, and their lists are given back
        if "hops" in row:
            row["hops"] = tuple(features_of(each, measures) for each in row["hops"])
    frames: list[LoggedFrame] = []
    cues: list[LoggedCue] = []
    recordings: list[tuple[Path, float]] = []
    passages: list[Passage] = []
    joins: list[LoggedJoin] = []
    seen: list[list[tuple[float, float]]] = []  # of each recording: times of ticks, and their positions in it
    controls, hop = Controls(), AudioFeatures()
    latches = _Latches(rows, measures)
    left = deque(rows[1:])
    rows.clear()  # only what is still to be read stays in memory
    while left:
        row = left.popleft()
        if "i" in row:
            tick = Tick(row["i"], row["t"], row["dt"])
            recent = row.get("hops", ())
            hop = recent[-1] if recent else hop
            features = replace(features_of(row["f"], measures), recent=recent) if "f" in row else summed(hop, recent)
            controls = changed(controls, row.get("c", {}))
            if "seen" in row and seen and frames:
                seen[-1].append((frames[-1].tick.time, row["seen"]))
            frames.append(LoggedFrame(tick, features, controls, row["ws"], phases=tuple(row.get("at", ()))))
        elif "late" in row and frames:
            frames[-1] = replace(frames[-1], late=(*frames[-1].late, latches(row, frames[-1].tick.index)))
        elif "cue" in row:
            index = frames[-1].tick.index + 1 if frames else 0
            preset, transition = preset_of(row["cue"], table), row.get("transition", "")
            cues.append(LoggedCue(index, preset, row["seconds"], row["path_t"], transition))
        elif "join" in row:
            index = frames[-1].tick.index + 1 if frames else 0
            joins.append(LoggedJoin(index, unpacked(row["join"]), row["replace"], row["now"]))
        elif "passage" in row:
            loop = row.get("loop")
            passages.append(Passage(row["at"], row["passage"], row["plays"], (loop[0], loop[1]) if loop else None))
        elif "recording" in row:
            recordings.append((Path(row["recording"]), row["at"]))
            seen.append([])
    if not frames:
        raise UserError(f"{path}: no frame was logged: there is nothing to render")
    begun = tuple((film, _begun(at, where)) for (film, at), where in zip(recordings, seen, strict=True))
    preset = preset_of(head["preset"], table)
    return Performance(path, head, preset, tuple(frames), tuple(cues), begun, tuple(passages), tuple(joins))


class _Latches:
    """Reads the rows of drawings. Their hops are those of the frames' rows, in the same order."""

    def __init__(self, rows: list[Row], measures: tuple[str, ...]) -> None:
        self._hops = iter([hop for row in rows[1:] if "i" in row or "left" in row for hop in row.get("hops", ())])
        self._measures = measures
        self._controls, self._hop = Controls(), AudioFeatures()

    def __call__(self, row: Row, index: int) -> LoggedLatch:
        """Return the drawing of a row, in the frame ``index``."""
        recent = tuple(itertools.islice(self._hops, row.get("n", 0)))
        self._hop = recent[-1] if recent else self._hop
        features = summed(self._hop, recent)
        if "f" in row:
            features = replace(features_of(row["f"], self._measures), recent=recent)
        self._controls = changed(self._controls, row.get("c", {}))
        return LoggedLatch(Tick(index, row["late"], row["dt"]), features, self._controls)


def _begun(at: float, seen: list[tuple[float, float]]) -> float:
    """Return the time at which a recording began; its first picture was that of the tick at ``at``.

    ``seen`` holds the times of ticks and the positions, in the recording, of their pictures; all are seconds.
    """
    return float(np.median([time - (where - seen[0][1]) for time, where in seen])) if seen else at
