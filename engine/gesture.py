"""The gesture log: what crossed the borders of a show, frame by frame, so that it can be rendered again.

Values are logged and not device events: what the ears heard (every hop), where the hands stood, which preset
began, the ticks themselves. From those the routing, the path and the pictures follow, bit for bit. The file is
JSON lines, one written per frame and flushed, so that a crash leaves all but its last line: a head, then frames
(``"i"``), the cues (``"cue"``) before the frame they began with, the recordings (``"recording"``) after it. Floats are
written so that they read back exactly. A frame has only those controls that changed. While a recording runs,
``"seen"`` says where in it, in seconds, the picture of the frame before was put.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from engine.audio.features import AudioFeatures, Onset
from engine.clock import Tick
from engine.control.beat import Tempo
from engine.control.controls import Controls
from engine.control.params import Params
from engine.control.preset import Preset, parse
from engine.errors import UserError
from engine.latent.path import digest

VERSION = 1
MEASURES = tuple(f.name for f in fields(AudioFeatures) if f.name not in ("onsets", "recent"))


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


class GestureLog:
    """Writes a show's log. Wrap the desk and the path with it; tell it the cues."""

    def __init__(self, path: Path, head: Mapping[str, Any], notify: Callable[[str], None]) -> None:
        """UserError if nothing can be written there; an earlier log of that name is kept under another."""
        self.path, self._notify = path, notify
        self._before, self._hop = Controls(), AudioFeatures()
        self._row: dict[str, Any] = {}
        self._seen: float | None = None
        self._file: TextIO | None = None
        try:
            kept = _set_aside(path)
            self._file = path.open("w", encoding="utf-8", buffering=1)
        except OSError as error:
            raise UserError(f"{path}: cannot write the gesture log: {error.strerror}") from error
        if kept is not None:
            notify(f"{path}: the log before is now {kept.name}")
        self._write({"gesture_log": VERSION, "measures": MEASURES, **head})

    def heard(self, desk: Callable[[AudioFeatures, Controls, Tick], Params]) -> Callable[..., Params]:
        """Return ``desk``, everything it is given logged."""

        def call(features: AudioFeatures, controls: Controls, tick: Tick) -> Params:
            self._row = {"i": tick.index, "t": tick.time, "dt": tick.dt, **self._sound(features)}
            if changed := _changes(self._before, controls):
                self._row["c"] = changed
            if self._seen is not None:
                self._row["seen"], self._seen = self._seen, None
            self._before = controls
            return desk(features, controls, tick)

        return call

    def travelled(self, path: Callable[[Params, Tick], NDArray[np.float32]]) -> Callable[..., NDArray[np.float32]]:
        """Return ``path``, a digest of the ws it gives logged; that ends the frame's line."""

        def call(params: Params, tick: Tick) -> NDArray[np.float32]:
            ws = path(params, tick)
            self._write({**self._row, "ws": digest(ws)})
            return ws

        return call

    def cue(self, preset: Preset, seconds: float, t: float | None) -> None:
        """Log that ``preset`` begins with the next frame."""
        self._write({"cue": about(preset), "seconds": seconds, "path_t": t})

    def recording(self, path: Path, tick: Tick) -> None:
        """Log that a recording began with the picture of ``tick``."""
        self._write({"recording": str(path.absolute()), "at": tick.time})
        self._seen = None

    def placed(self, seconds: float) -> None:
        """Log where in the recording the frame's picture was put; pictures between two frames are passed over."""
        self._seen = round(seconds, 6) if self._seen is None else self._seen

    def _sound(self, features: AudioFeatures) -> dict[str, Any]:
        """Return every hop, and the frame's own features where the hops do not say them."""
        row: dict[str, Any] = {"hops": [_measured(hop) for hop in features.recent]} if features.recent else {}
        self._hop = features.recent[-1] if features.recent else self._hop
        if features != summed(self._hop, features.recent):
            row["f"] = _measured(features)
        return row

    def _write(self, row: Mapping[str, Any]) -> None:
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(row, default=_plain, separators=(",", ":")) + "\n")
        except OSError as error:  # the show goes on without
            self._file = None
            self._notify(f"{self.path}: the gesture log ends here: {error.strerror}")

    def close(self) -> None:
        """Finish the file; a second call does nothing."""
        file, self._file = self._file, None
        if file is not None:
            try:
                file.flush()
                os.fsync(file.fileno())
                file.close()
            except OSError as error:
                self._notify(f"{self.path}: the end of the gesture log was not written: {error.strerror}")


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


def read(path: Path) -> Performance:
    """Read a log; a torn last line is left out. UserError says what is wrong with it."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not UTF-8 text"
        raise UserError(f"{path}: cannot read the gesture log: {reason}") from error
    rows: list[Any] = []
    for number, line in enumerate(lines[:-1], 1):  # what ends without a newline was not written to its end
        try:
            rows.append(json.loads(line))
        except ValueError as error:
            raise UserError(f"{path}:{number}: not a line of JSON: the log is damaged") from error
    if not rows or not isinstance(rows[0], dict) or rows[0].get("gesture_log") != VERSION:
        raise UserError(f"{path}: not a gesture log of this version: vj live and vj rehearse write them with --log F")
    try:
        return _performance(path, rows)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: the gesture log is damaged ({type(error).__name__}: {error})") from error


def _performance(path: Path, rows: list[dict[str, Any]]) -> Performance:
    head, measures = rows[0], tuple(rows[0]["measures"])
    frames: list[Frame] = []
    changes: list[Change] = []
    recordings: list[tuple[Path, float]] = []
    seen: list[list[tuple[float, float]]] = []  # of each recording: ticks' times, and where in it they were seen
    controls, hop = Controls(), AudioFeatures()
    for row in rows[1:]:
        if "i" in row:
            tick = Tick(row["i"], row["t"], row["dt"])
            recent = tuple(_features(each, measures) for each in row.get("hops", ()))
            hop = recent[-1] if recent else hop
            features = replace(_features(row["f"], measures), recent=recent) if "f" in row else summed(hop, recent)
            controls = _changed(controls, row.get("c", {}))
            if "seen" in row and seen and frames:
                seen[-1].append((frames[-1].tick.time, row["seen"]))
            frames.append(Frame(tick, features, controls, row["ws"]))
        elif "cue" in row:
            index = frames[-1].tick.index + 1 if frames else 0
            changes.append(Change(index, preset_of(row["cue"]), row["seconds"], row["path_t"]))
        elif "recording" in row:
            recordings.append((Path(row["recording"]), row["at"]))
            seen.append([])
    if not frames:
        raise UserError(f"{path}: no frame was logged: there is nothing to render")
    begun = tuple((film, _begun(at, where)) for (film, at), where in zip(recordings, seen, strict=True))
    return Performance(path, head, preset_of(head["preset"]), tuple(frames), tuple(changes), begun)


def _begun(at: float, seen: list[tuple[float, float]]) -> float:
    """Return when a recording began whose first picture was of the tick at ``at``."""
    return float(np.median([time - (where - seen[0][1]) for time, where in seen])) if seen else at


def about(preset: Preset) -> dict[str, Any]:
    """Return a preset as the log keeps it: its text, and the path that files of w lie beside."""
    return {"name": preset.name, "path": str(preset.path.absolute()) if preset.path else None, "text": preset.text}


def preset_of(row: Mapping[str, Any]) -> Preset:
    """Return the preset that ``about`` described."""
    return parse(row["text"], Path(row["path"] or row["name"]))


def fingerprint(path: Path) -> str:
    """Return a digest of a file's contents."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _set_aside(path: Path) -> Path | None:
    """Rename the log that is there; return its new name."""
    if not path.is_file() or path.stat().st_size == 0:
        return None
    names = (path.with_name(f"{path.stem}_{n}{path.suffix}") for n in itertools.count(1))
    name = next(each for each in names if not each.exists())
    path.rename(name)
    return name


def summed(hop: AudioFeatures, recent: tuple[AudioFeatures, ...]) -> AudioFeatures:
    """Return a frame's features as ears make them: the last hop's, with every onset since the last frame."""
    return replace(hop, onsets=tuple(onset for each in recent for onset in each.onsets), recent=recent)


def _measured(features: AudioFeatures) -> list[Any]:
    """Return the measures in their order, then the onsets if there are any."""
    onsets = [[onset.time, onset.heard_at, onset.strength] for onset in features.onsets]
    return [*(getattr(features, name) for name in MEASURES), *([onsets] if onsets else ())]


def _features(row: list[Any], measures: tuple[str, ...]) -> AudioFeatures:
    onsets = tuple(Onset(*each) for each in (row[len(measures)] if len(row) > len(measures) else ()))
    return AudioFeatures(**dict(zip(measures, row[: len(measures)], strict=True)), onsets=onsets)


def _changes(before: Controls, now: Controls) -> dict[str, Any]:
    """Return what is another than before; of mappings the entries that are, None for those that went."""
    changed: dict[str, Any] = {}
    for name in (f.name for f in fields(Controls)):
        old, new = getattr(before, name), getattr(now, name)
        if old == new:
            continue
        if isinstance(new, Mapping):
            gone = dict.fromkeys(key for key in old if key not in new)
            changed[name] = {k: v for k, v in new.items() if k not in old or old[k] != v} | gone
        else:
            changed[name] = [new.bpm, new.beats, new.exact] if isinstance(new, Tempo) else new
    return changed


def _changed(before: Controls, changes: Mapping[str, Any]) -> Controls:
    """Return the controls after ``changes``."""
    values: dict[str, Any] = {}
    for name, new in changes.items():
        old = getattr(before, name)
        if isinstance(new, dict):
            values[name] = MappingProxyType({k: v for k, v in {**old, **new}.items() if v is not None})
        elif isinstance(new, list):
            values[name] = Tempo(*new) if name == "tempo" else tuple(new)
        else:
            values[name] = new
    return replace(before, **values)


def _plain(value: Any) -> Any:
    """Return numpy's numbers as Python's."""
    return value.item()
