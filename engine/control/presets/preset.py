"""Presets: a TOML file whose keys are the field names. Anything else is refused by file, table and key."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from engine.borders.errors import UserError
from engine.borders.params import Param, Table
from engine.borders.preset import CURVES, MODES, Preset, Route
from engine.control.presets.latent import read_latent
from engine.control.presets.reader import Reader
from engine.control.routing.sources import AUDIO_SOURCES, EXAMPLES, ONSET_SOURCE, is_source


def parse(text: str, path: Path, rows: Table) -> Preset:
    """Return the preset in ``text``. ``rows`` has the parameters that it may name.

    UserError names ``path``, the table and the key that is wrong.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: not valid TOML: {error}") from error
    reader = Reader(path, text)
    known = [f.name for f in fields(Preset) if f.name not in ("path", "text")]
    reader.check_keys("the top level", document, known)
    table = reader.table(document, "latent")
    latent = read_latent(reader, table)
    params = _params(reader, rows, reader.table(document, "params"))
    if "truncation_psi" in table:  # a parameter like any other, at home among the latents
        psi = _value(reader, "[latent]", "truncation_psi", rows["truncation_psi"], table["truncation_psi"])
        params.setdefault("truncation_psi", psi)
    return Preset(
        name=reader.text("the top level", document, "name", path.stem),
        model=reader.text("the top level", document, "model", "fruit"),
        description=reader.text("the top level", document, "description", ""),
        latent=latent,
        params=MappingProxyType(params),
        routes=_routes(reader, rows, document.get("routes", [])),
        passes=tuple(reader.texts("the top level", document, "passes", ["grade"])),
        path=path,
        text=text,
    )


def load(path: Path, rows: Table) -> Preset:
    """Read a preset file; UserError when it is missing, unreadable or wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not UTF-8 text"
        raise UserError(f"{path}: cannot read the preset: {reason}") from error
    return parse(text, path, rows)


def find(name: str, folders: Iterable[Path], rows: Table) -> Preset:
    """Return the preset called ``name``: that of the first of ``folders`` that has one, or a path to a TOML file."""
    folders = tuple(folders)
    for folder in folders:
        if "/" not in name and (folder / f"{name}.toml").is_file():
            return load(folder / f"{name}.toml", rows)
    if name.endswith(".toml") or Path(name).is_file():
        return load(Path(name), rows)
    names = sorted({path.stem for folder in folders for path in folder.glob("*.toml")})
    raise UserError(f"unknown preset {name!r}: choose one of {', '.join(names)}, or give a .toml file")


def _value(reader: Reader, where: str, key: str, param: Param, value: Any) -> float:
    """Return a parameter's value, in range."""
    number = reader.number(where, key, value)
    if not param.low <= number <= param.high:
        raise reader.fail(where, f"{key} = {number:g} is outside {param.low:g} to {param.high:g}", key)
    return param.clamp(number)


def _params(reader: Reader, rows: Table, table: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Flatten [params] and its sub-tables into dotted names."""
    where = f"[params{'.' + prefix[:-1] if prefix else ''}]"
    groups = {name[len(prefix) :].split(".")[0] for name in rows if name.startswith(prefix)}
    reader.check_keys(where, table, sorted(groups))
    values: dict[str, float] = {}
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            values |= _params(reader, rows, value, f"{name}.")
        elif name in rows:
            values[name] = _value(reader, where, key, rows[name], value)
        else:
            raise reader.fail(where, f"{key!r} is a group of parameters: write [params.{name}]", key)
    return values


def _routes(reader: Reader, rows: Table, routes: Any) -> tuple[Route, ...]:
    """Return the [[routes]] in their order."""
    if not isinstance(routes, list) or not all(isinstance(route, dict) for route in routes):
        raise reader.fail("the top level", "'routes' must be written as [[routes]] tables", "routes")
    return tuple(_route(reader, rows, f"[[routes]] number {i}", route) for i, route in enumerate(routes, 1))


def _route(reader: Reader, rows: Table, where: str, row: Mapping[str, Any]) -> Route:
    """Return one route, every field checked."""
    reader.check_keys(where, row, [f.name for f in fields(Route)])
    for key in ("source", "target"):
        if key not in row:
            raise reader.fail(where, f"{key!r} is missing")
    source = reader.text(where, row, "source", "")
    if not is_source(source):
        raise reader.fail(where, _not_a(source, "source", [*AUDIO_SOURCES, ONSET_SOURCE, *EXAMPLES]), "source")
    target = reader.text(where, row, "target", "")
    if target not in rows:
        raise reader.fail(where, _not_a(target, "target", list(rows)), "target")
    numbers = {k: reader.number(where, k, row[k]) for k in ("amount", "attack", "release") if k in row}
    for key in ("attack", "release"):
        if numbers.get(key, 0.0) < 0.0:
            raise reader.fail(where, f"{key} must be seconds, 0 or more", key)
    span = row.get("range", [0.0, 1.0])
    if not isinstance(span, list) or len(span) != 2:
        raise reader.fail(where, "'range' must be two numbers, [low, high]", "range")
    return Route(
        source=source,
        target=target,
        mode=reader.choice(where, "mode", reader.text(where, row, "mode", "add"), MODES),
        curve=reader.choice(where, "curve", reader.text(where, row, "curve", "linear"), CURVES),
        range=(reader.number(where, "range", span[0]), reader.number(where, "range", span[1])),
        **numbers,
    )


def _not_a(name: str, kind: str, known: list[str]) -> str:
    """Say that a name is not a known source or target, with the nearest one."""
    close = difflib.get_close_matches(name, known, 1)
    return f"unknown {kind} {name!r}; " + (f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}")
