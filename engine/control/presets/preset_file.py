"""Writes presets: what ``presets.preset`` reads, and a new file of the performer's own for how the knobs stand now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields, replace
from pathlib import Path
from types import MappingProxyType

from engine.borders.errors import UserError
from engine.borders.params import Table
from engine.borders.preset import Background, Latent, Preset, Route, Styling
from engine.control.toml import writer
from engine.system.files import is_file

MOST = 1000  # a saved preset's number, in its file's name, is lower


def write(preset: Preset, table: Table) -> str:
    """Return the preset as TOML that ``preset.parse`` reads back; keys at their default are left out.

    Parameters stand in the order of ``table``, those that it has no row for last.
    """
    lines = writer.rows(_values(preset, ("name", "model", "description", "passes"), always=("name", "model")))
    latent = _values(preset.latent, [f.name for f in fields(Latent)], always=("seeds",))
    lines += ["", "[latent]", *writer.rows(latent)]
    if preset.style is not None:
        style = _values(preset.style, [f.name for f in fields(Styling)], always=("weights",))
        lines += ["", "[style]", *writer.rows(style)]
    if preset.background is not None:
        lines += ["", "[background]", *writer.rows(_values(preset.background, ("source",), always=("source",)))]
    groups: dict[str, dict[str, writer.Value]] = {"": {}}
    for name in (*table, *(name for name in preset.params if name not in table)):
        if name in preset.params:
            group, _, key = name.rpartition(".")
            groups.setdefault(group, {})[key] = preset.params[name]
    for group, rows in groups.items():
        if rows:
            parts = ["params", *(group.split(".") if group else ())]
            lines += ["", f"[{'.'.join(map(writer.key, parts))}]", *writer.rows(rows)]
    for route in preset.routes:
        lines += ["", "[[routes]]"]
        lines += writer.rows(_values(route, [f.name for f in fields(Route)], always=("source", "target")))
    return "\n".join(lines) + "\n"


def save(
    preset: Preset, held: Mapping[str, float], table: Table, folder: Path, put: Callable[[Path, str], None]
) -> Path:
    """Write ``preset`` with its knobs at ``held`` to a file of ``folder`` that is not there yet; return its path.

    Only rows of ``table`` are written, and the preset's own. ``put`` writes a file whole or not at all and raises
    UserError when it cannot.
    """
    stem = preset.path.stem if preset.path is not None else "preset"
    number = next((n for n in range(1, MOST) if not (folder / f"{stem}-{n}.toml").exists()), None)
    if number is None:
        raise UserError(f"{folder}: {stem} has been saved {MOST - 1} times; move some away")
    path = folder / f"{stem}-{number}.toml"
    params = {
        name: value for name, value in held.items()
        if name in preset.params or (name in table and value != table[name].default)
    }  # fmt: skip
    beside = preset.path.parent if preset.path is not None else Path()
    latent = replace(
        preset.latent,
        seeds=_anywhere(preset.latent.seeds, beside),
        mix_seeds=_anywhere(preset.latent.mix_seeds, beside),
    )
    put(path, write(replace(preset, name=path.stem, latent=latent, params=MappingProxyType(params)), table))
    return path


def _anywhere(seeds: tuple[int | str, ...], beside: Path) -> tuple[int | str, ...]:
    """Return a path's points under names that are found from another folder as well."""
    return tuple(
        str((beside / seed).absolute()) if isinstance(seed, str) and is_file(beside / seed) else seed for seed in seeds
    )


def _values(
    source: Preset | Latent | Route | Styling | Background, names: Iterable[str], always: tuple[str, ...]
) -> dict[str, writer.Value]:
    """Return the fields ``names`` that are not at their default, and those of ``always``."""
    defaults = {f.name: f.default if f.default is not MISSING else None for f in fields(source)}
    return {name: getattr(source, name) for name in names if name in always or getattr(source, name) != defaults[name]}
