"""Presets: a TOML file whose keys are the field names. Anything else is refused by file, line, table and key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType

from engine.borders.errors import UserError
from engine.borders.params import OPEN_GROUPS, Param, Table, may_come
from engine.borders.preset import CURVES, ISF, MODES, Preset, Route
from engine.control.presets.background import read_background
from engine.control.presets.isf import isf_of
from engine.control.presets.latent import read_latent
from engine.control.presets.style import read_style
from engine.control.routing.sources import CONTROL_PREFIXES, is_source, nearest_source
from engine.control.toml.reader import TOP, Reader, Toml
from engine.system.files import beside, expanded, is_file, is_path
from engine.system.last_good import last_good
from engine.system.resources import MODEL_SUFFIXES, find_model

PASS_SUFFIX = ".frag"


def parse(text: str, path: Path, rows: Table, *, elsewhere: bool = False) -> Preset:
    """Return the preset in ``text``. ``rows`` has the parameters that it may name, beside those of OPEN_GROUPS.

    ``elsewhere``: it was played on another machine perhaps, with controllers whose profiles are not here.

    UserError names ``path``, the table and the key that is wrong.
    """
    reader = Reader(path, text)
    document = reader.document
    if not document:
        raise UserError(f"{path}: holds nothing: a preset has at least a name")
    reader.check_keys(TOP, document, [f.name for f in fields(Preset) if f.name not in ("path", "text")])
    latent = reader.table("latent")
    params = _params(reader, rows, reader.table("params"))
    if "truncation_psi" in latent:  # a parameter like any other, at home among the latents
        psi = _value(reader, "[latent]", "truncation_psi", rows["truncation_psi"], latent["truncation_psi"])
        params.setdefault("truncation_psi", psi)
    return Preset(
        name=reader.text(TOP, document, "name", path.stem),
        model=model_of(reader.text(TOP, document, "model", "fruit"), path),
        description=reader.text(TOP, document, "description", ""),
        latent=read_latent(reader, latent),
        params=MappingProxyType(params),
        routes=tuple(
            _route(reader, rows, _number(i), route, elsewhere=elsewhere)
            for i, route in enumerate(reader.tables("routes"), 1)
        ),
        passes=tuple(pass_of(name, path) for name in reader.texts(TOP, document, "passes", ("grade",))),
        style=read_style(reader, reader.table("style"), path),
        background=read_background(reader, reader.table("background") if "background" in document else None, path),
        path=path,
        text=text,
    )


def load(path: Path, rows: Table) -> Preset:
    """Read a preset file; UserError when it is missing, unreadable or wrong."""
    return parse(last_good.read(path, "the preset"), path, rows)


def find(name: str, folders: Iterable[Path], rows: Table) -> Preset:
    """Return the preset called ``name``: that of the first of ``folders`` that has one, or a path to a TOML file."""
    return load(find_file(name, folders), rows)


def find_file(name: str, folders: Iterable[Path]) -> Path:
    """Return the file of the preset called ``name``; UserError when there is none."""
    folders = tuple(folders)
    for folder in folders:
        if not is_path(name) and last_good.at_hand(folder / f"{name}.toml"):
            return folder / f"{name}.toml"
    if name.endswith(".toml") or last_good.at_hand(expanded(name)):
        return expanded(name)
    names = sorted({path.stem for folder in folders for path in folder.glob("[!.]*.toml")})
    raise UserError(f"unknown preset {name!r}: choose one of {', '.join(names)}, or give a .toml file")


def unread(name: str, folders: Iterable[Path]) -> Preset:
    """Return what stands for a preset whose file has not been read yet: its name and its file."""
    return Preset(name, path=find_file(name, folders))


def model_of(name: str, preset: Path) -> str:
    """Return the model that the file ``preset`` names: a shipped name as it is, a file by its whole path."""
    if is_path(name) or name.endswith(MODEL_SUFFIXES):
        return str(beside(name, preset))
    return name if find_model(name) or not is_file(beside(name, preset)) else str(beside(name, preset))


def pass_of(name: str, preset: Path) -> str:
    """Return the pass that the file ``preset`` names: a name as it is, a file by its whole path without suffix.

    An ISF file that lies beside the preset is that one.
    """
    if name.startswith(ISF):
        return isf_of(name, preset)
    if is_path(name) or name.endswith(PASS_SUFFIX):
        return str(beside(name.removesuffix(PASS_SUFFIX), preset))
    return name


def check(preset: Preset, table: Table) -> None:
    """Check the preset against ``table``, the rows that are loaded for it.

    UserError names the file, the line, the table and the key of a name that no row has, with the nearest, and of a
    value that is out of its row's range.
    """
    reader = Reader(preset.path or Path(preset.name), preset.text)
    for name, value in preset.params.items():
        group, _, key = name.rpartition(".")
        where = _params_table(group)
        if name not in table:
            raise reader.fail(where, f"unknown parameter {name!r}; {table.nearest(name)}", key)
        _value(reader, where, key, table[name], value)
    for number, route in enumerate(preset.routes, 1):
        _target(reader, table, _number(number), route.target)


def _value(reader: Reader, where: str, key: str, param: Param, value: object) -> float:
    """Return a parameter's value, in range."""
    number = reader.number(where, key, value)
    if not param.low <= number <= param.high:
        raise reader.fail(where, f"{key} = {number:g} is outside {param.low:g} to {param.high:g}", key)
    return param.clamp(number)


def _params(reader: Reader, rows: Table, table: Toml, prefix: str = "") -> dict[str, float]:
    """Flatten [params] and its sub-tables into dotted names."""
    where = _params_table(prefix[:-1])
    if not may_come(prefix):
        groups = {name[len(prefix) :].split(".")[0] for name in rows if name.startswith(prefix)}
        reader.check_keys(where, table, sorted(groups | set(() if prefix else OPEN_GROUPS)))
    values: dict[str, float] = {}
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            values |= _params(reader, rows, value, f"{name}.")
        elif name in rows:
            values[name] = _value(reader, where, key, rows[name], value)
        elif may_come(name):
            values[name] = reader.number(where, key, value)
        else:
            raise reader.fail(where, f"{key!r} is a group of parameters: write [params.{name}]", key)
    return values


def _route(reader: Reader, rows: Table, where: str, row: Toml, *, elsewhere: bool) -> Route:
    """Return one route, every field checked."""
    reader.check_keys(where, row, [f.name for f in fields(Route)])
    for key in ("source", "target"):
        if key not in row:
            raise reader.fail(where, f"{key!r} is missing")
    source = reader.text(where, row, "source", "")
    if not is_source(source) and not (elsewhere and source.startswith(CONTROL_PREFIXES)):
        raise reader.fail(where, f"unknown source {source!r}; {nearest_source(source)}", "source")
    target = reader.text(where, row, "target", "")
    if not may_come(target):
        _target(reader, rows, where, target)
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
        mode=reader.choice(where, row, "mode", MODES, "add"),
        curve=reader.choice(where, row, "curve", CURVES, "linear"),
        range=(reader.number(where, "range", span[0]), reader.number(where, "range", span[1])),
        **numbers,
    )


def _target(reader: Reader, rows: Table, where: str, target: str) -> None:
    if target not in rows:
        raise reader.fail(where, f"unknown target {target!r}; {rows.nearest(target)}", "target")


def _params_table(group: str) -> str:
    return f"[params.{group}]" if group else "[params]"


def _number(index: int) -> str:
    return f"[[routes]] number {index}"
