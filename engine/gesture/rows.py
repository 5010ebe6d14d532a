"""The rows of the gesture log: values of the borders as JSON and back, bit for bit."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.borders.controls import Controls, Tempo
from engine.borders.features import AudioFeatures, Onset
from engine.borders.params import Table
from engine.borders.preset import Preset
from engine.borders.timecode import BY_NAME, Timecode
from engine.control.presets.preset import parse

Row: TypeAlias = dict[str, Any]  # a line of the log, as JSON holds it
VERSION = 1  # of the log's format; the reader takes no other
UNLOGGED = ("onsets", "recent", "wave", "spectrum")  # fields of features that are no numbers of a hop
MEASURES = tuple(f.name for f in fields(AudioFeatures) if f.name not in UNLOGGED)  # of a hop


def about(preset: Preset) -> Row:
    """Return a preset's row: its name, its text, and its path, because its files of w are relative to that."""
    return {"name": preset.name, "path": str(preset.path.absolute()) if preset.path else None, "text": preset.text}


def preset_of(row: Row, table: Table) -> Preset:
    """Return the preset of a row that `about` made; its parameters are those of ``table``."""
    return parse(row["text"], Path(row["path"] or row["name"]), table, elsewhere=True)


def summed(hop: AudioFeatures, recent: tuple[AudioFeatures, ...]) -> AudioFeatures:
    """Return a frame's features as ears return them: those of the last hop, with every onset since the last frame."""
    return replace(hop, onsets=tuple(onset for each in recent for onset in each.onsets), recent=recent)


def measured(features: AudioFeatures) -> list[Any]:
    """Return a hop's row: the numbers in the order of MEASURES, then the onsets if there are any."""
    onsets = [[onset.time, onset.heard_at, onset.strength] for onset in features.onsets]
    return [*(getattr(features, name) for name in MEASURES), *([onsets] if onsets else ())]


def features_of(row: list[Any], measures: tuple[str, ...]) -> AudioFeatures:
    """Return the features of a row that `measured` made; ``measures`` are the names in the log's head."""
    onsets = tuple(Onset(*each) for each in (row[len(measures)] if len(row) > len(measures) else ()))
    # JSON knows no tuples: the bands come back as a list.
    values: list[Any] = [tuple(value) if isinstance(value, list) else value for value in row[: len(measures)]]
    return AudioFeatures(**dict(zip(measures, values, strict=True)), onsets=onsets)


def differences(before: Controls, now: Controls) -> Row:
    """Return the fields that differ. A mapping has only the entries that differ, with None for a removed one."""
    different: Row = {}
    for name in (f.name for f in fields(Controls)):
        old, new = getattr(before, name), getattr(now, name)
        if old == new:
            continue
        if isinstance(new, Mapping):
            gone = dict.fromkeys(key for key in old if key not in new)
            different[name] = {k: v for k, v in new.items() if k not in old or old[k] != v} | gone
        else:
            different[name] = _written(new)
    return different


def packed(point: NDArray[np.floating]) -> Row:
    """Return a point [num_ws, w_dim] as its shape and the bytes of its float32 numbers, little-endian, in base64."""
    numbers = np.ascontiguousarray(point, dtype="<f4")
    return {"shape": list(numbers.shape), "float32": base64.b64encode(numbers.tobytes()).decode("ascii")}


def unpacked(row: Row) -> NDArray[np.float32]:
    """Return the point of a row that `packed` made; ValueError where its bytes do not fill its shape."""
    numbers = np.frombuffer(base64.b64decode(row["float32"], validate=True), "<f4")
    return numbers.reshape([int(size) for size in row["shape"]]).astype(np.float32)


def _written(value: Any) -> Any:
    """Return a field of the controls as JSON holds it."""
    if isinstance(value, Tempo):
        return [value.bpm, value.beats, value.exact, value.source]
    return [value.position, value.rate.name, value.state] if isinstance(value, Timecode) else value


def _read(name: str, row: list[Any]) -> Any:
    """Return the field ``name`` that `_written` made a list of."""
    if name == "timecode":
        return Timecode(row[0], BY_NAME[row[1]], row[2])
    return Tempo(*row) if name == "tempo" else tuple(row)


def changed(before: Controls, row: Row) -> Controls:
    """Return ``before`` with the `differences` of a row."""
    values: Row = {}
    for name, new in row.items():
        old = getattr(before, name)
        if isinstance(new, dict):
            values[name] = MappingProxyType({k: v for k, v in {**old, **new}.items() if v is not None})
        elif isinstance(new, list):
            values[name] = _read(name, new)
        else:
            values[name] = new
    return replace(before, **values)
