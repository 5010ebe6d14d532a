"""A gesture log read: the performance it tells, frame by frame. gesture.py says how one is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.borders.controls import Controls
from engine.borders.errors import UserError
from engine.borders.features import AudioFeatures
from engine.borders.params import Table
from engine.borders.preset import Preset
from engine.borders.tick import Tick
from engine.gesture.rows import VERSION, changed, features_of, preset_of, summed
from engine.system.files import read_text


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as it was performed; ``ws`` is the digest of its latents."""

    tick: Tick
    features: AudioFeatures
    controls: Controls
    ws: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A cue as it was taken before frame ``index``; ``t`` is where its own path began, None if it needed none."""

    index: int
    preset: Preset
    seconds: float
    t: float | None


@dataclass(frozen=True, slots=True)
class Performance:
    """A gesture log, read: its head, its frames, its cues, and the recordings with when they began.

    That is the time, as ticks tell it, at which a recording's first picture was seen, had it taken as long to draw
    as most of the others did: so the sound of the recording is as far from all those as it was in the show. The
    first picture itself can be late by more than can be heard.
    """

    path: Path
    head: Mapping[str, Any]
    preset: Preset
    frames: tuple[Frame, ...]
    changes: tuple[Change, ...]
    recordings: tuple[tuple[Path, float], ...]


def read(path: Path, table: Table) -> Performance:
    """Read a log; a torn last line is left out. UserError says what is wrong with it.

    ``table`` has the parameters that the log's presets may name.
    """
    lines = read_text(path, "the gesture log").split("\n")
    rows: list[Any] = []
    for number, line in enumerate(lines[:-1], 1):  # what ends without a newline was not written to its end
        try:
            rows.append(json.loads(line))
        except ValueError as error:
            raise UserError(f"{path}:{number}: not a line of JSON: the log is damaged") from error
    if not rows or not isinstance(rows[0], dict) or rows[0].get("gesture_log") != VERSION:
        raise UserError(f"{path}: not a gesture log of this version: vj live and vj rehearse write them with --log F")
    try:
        return _performance(path, rows, table)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: the gesture log is damaged ({type(error).__name__}: {error})") from error


def _performance(path: Path, rows: list[dict[str, Any]], table: Table) -> Performance:
    head, measures = rows[0], tuple(rows[0]["measures"])
    frames: list[Frame] = []
    changes: list[Change] = []
    recordings: list[tuple[Path, float]] = []
    seen: list[list[tuple[float, float]]] = []  # of each recording: ticks' times, and where in it they were seen
    controls, hop = Controls(), AudioFeatures()
    for row in rows[1:]:
        if "i" in row:
            tick = Tick(row["i"], row["t"], row["dt"])
            recent = tuple(features_of(each, measures) for each in row.get("hops", ()))
            hop = recent[-1] if recent else hop
            features = replace(features_of(row["f"], measures), recent=recent) if "f" in row else summed(hop, recent)
            controls = changed(controls, row.get("c", {}))
            if "seen" in row and seen and frames:
                seen[-1].append((frames[-1].tick.time, row["seen"]))
            frames.append(Frame(tick, features, controls, row["ws"]))
        elif "cue" in row:
            index = frames[-1].tick.index + 1 if frames else 0
            changes.append(Change(index, preset_of(row["cue"], table), row["seconds"], row["path_t"]))
        elif "recording" in row:
            recordings.append((Path(row["recording"]), row["at"]))
            seen.append([])
    if not frames:
        raise UserError(f"{path}: no frame was logged: there is nothing to render")
    begun = tuple((film, _begun(at, where)) for (film, at), where in zip(recordings, seen, strict=True))
    return Performance(path, head, preset_of(head["preset"], table), tuple(frames), tuple(changes), begun)


def _begun(at: float, seen: list[tuple[float, float]]) -> float:
    """Return when a recording began whose first picture was of the tick at ``at``."""
    return float(np.median([time - (where - seen[0][1]) for time, where in seen])) if seen else at
