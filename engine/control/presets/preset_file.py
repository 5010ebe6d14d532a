"""Writes presets: what ``control.preset`` reads, and a new file of the performer's own for how the knobs stand now."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from engine.borders.errors import UserError
from engine.borders.params import Table
from engine.borders.preset import Latent, Preset, Route

MOST = 1000  # copies of one name


def write(preset: Preset, table: Table) -> str:
    """Return the preset as TOML that ``preset.parse`` reads back; keys at their default in ``table`` are left out."""
    lines = _rows(preset, ("name", "model", "description", "passes"), always=("name", "model"))
    lines += ["", "[latent]", *_rows(preset.latent, [f.name for f in fields(Latent)], always=("seeds",))]
    groups: dict[str, list[str]] = {"": []}
    for name in table:
        if name in preset.params:
            group, _, key = name.rpartition(".")
            groups.setdefault(group, []).append(f"{key} = {_value(preset.params[name])}")
    for group, rows in groups.items():
        if rows:
            lines += ["", f"[params.{group}]" if group else "[params]", *rows]
    for route in preset.routes:
        rows = _rows(route, [f.name for f in fields(Route)], always=("source", "target"))
        lines += ["", "[[routes]]", *rows]
    return "\n".join(lines) + "\n"


def save(
    preset: Preset, held: Mapping[str, float], table: Table, folder: Path, put: Callable[[Path, str], None]
) -> Path:
    """Write ``preset`` with its knobs at ``held`` to a file of ``folder`` that is not there yet; return its path.

    ``put`` writes a file whole or not at all and raises UserError when it cannot.
    """
    stem = preset.path.stem if preset.path is not None else "preset"
    number = next((n for n in range(1, MOST) if not (folder / f"{stem}-{n}.toml").exists()), None)
    if number is None:
        raise UserError(f"{folder}: {stem} has been saved {MOST - 1} times; move some away")
    path = folder / f"{stem}-{number}.toml"
    params = {name: value for name, value in held.items() if name in preset.params or value != table[name].default}
    beside = preset.path.parent if preset.path is not None else Path()
    seeds, mixed = (tuple(_anywhere(seed, beside) for seed in points)
                    for points in (preset.latent.seeds, preset.latent.mix_seeds))
    latent = replace(preset.latent, seeds=seeds, mix_seeds=mixed)
    put(path, write(replace(preset, name=path.stem, latent=latent, params=MappingProxyType(params)), table))
    return path


def _anywhere(seed: int | str, beside: Path) -> int | str:
    """Return a point's name so that it is found from another folder as well."""
    return str((beside / seed).absolute()) if isinstance(seed, str) and (beside / seed).is_file() else seed


def _rows(source: Any, names: Any, always: tuple[str, ...]) -> list[str]:
    """Return ``key = value`` of a dataclass's fields that are not at their default."""
    default = {f.name: f.default_factory() if callable(f.default_factory) else f.default for f in fields(source)}
    return [
        f"{name} = {_value(getattr(source, name))}" for name in names
        if name in always or getattr(source, name) != default[name]
    ]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # a JSON string is a TOML one
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    return repr(value)
