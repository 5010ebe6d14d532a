"""Controller profiles: what the knobs of one make of controller are called, so that presets travel.

A profile is a TOML file, shipped or the user's own. ``[controls]`` names addresses, ``[leds]`` says
which messages light what, ``[commands]`` and ``[bindings]`` say what a control does of its own accord.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from engine.borders.errors import UserError
from engine.borders.params import Table
from engine.control.hands.commands import COMMANDS

CHANNEL = r"([1-9]|1[0-6])"
ADDRESS = re.compile(
    rf"(cc|note|aftertouch)\.{CHANNEL}\.(\d|[1-9]\d|1[01]\d|12[0-7])|(bend|pressure|program)\.{CHANNEL}"
)
NAME = re.compile(r"[a-z][a-z0-9_]*")
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Profile:
    """One make of controller. Addresses are ``cc.CHANNEL.CONTROL``, ``note.CHANNEL.NOTE``, ``bend.CHANNEL``.

    ``match`` are parts of the port's name. ``controls`` is name to address, ``leds`` name to the address
    that lights it, ``commands`` address to command, ``bindings`` parameter to address.
    """

    name: str
    match: tuple[str, ...] = ()
    controls: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    leds: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    commands: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    bindings: Mapping[str, str] = field(default_factory=lambda: NOTHING)

    def names(self) -> dict[str, str]:
        """Return {address: name}."""
        return {address: name for name, address in self.controls.items()}

    def fits(self, port: str) -> bool:
        """Return whether a MIDI port of this name is such a controller."""
        return any(part.casefold() in port.casefold() for part in self.match)


def parse(text: str, path: Path, rows: Table) -> Profile:
    """Return the profile in ``text``. ``rows`` has the parameters that bindings may name.

    UserError names ``path``, the table and the key that is wrong.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: not valid TOML: {error}") from error
    _check(path, "the top level", document, [f.name for f in fields(Profile)])
    match = document.get("match", [])
    if not isinstance(match, list) or not all(isinstance(part, str) and part for part in match):
        raise UserError(f"{path}: 'match' must be a list of parts of the port's name")
    name = document.get("name", path.stem)
    if not isinstance(name, str):
        raise UserError(f"{path}: 'name' must be text in quotes")
    tables = {key: _table(path, document, key) for key in ("controls", "leds", "commands", "bindings")}
    for key, value in tables["controls"].items():
        if not NAME.fullmatch(key):
            raise UserError(f"{path}: in [controls]: {key!r} must be a name such as knob_1")
        _address(path, "controls", value)
    for value in tables["leds"].values():
        _address(path, "leds", value)
    _check(path, "[commands]", dict.fromkeys(tables["commands"].values()), list(COMMANDS))
    for key in tables["commands"]:
        _address(path, "commands", key)
    _check(path, "[bindings]", tables["bindings"], list(rows))
    for value in tables["bindings"].values():
        _address(path, "bindings", value)
    return Profile(name, tuple(match), **{key: MappingProxyType(table) for key, table in tables.items()})


def _table(path: Path, document: Mapping[str, Any], key: str) -> dict[str, str]:
    table = document.get(key, {})
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise UserError(f"{path}: [{key}] must be a table of texts in quotes")
    return dict(table)


def _check(path: Path, where: str, table: Iterable[str], known: list[str]) -> None:
    for key in table:
        if key not in known:
            close = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
            raise UserError(f"{path}: in {where}: unknown {key!r}; {hint}")


def _address(path: Path, table: str, address: str) -> None:
    if not ADDRESS.fullmatch(address):
        raise UserError(f"{path}: in [{table}]: {address!r} is not an address such as cc.1.21 or note.10.36")


def load(path: Path, rows: Table) -> Profile:
    """Read a profile; UserError when it is unreadable or wrong."""
    try:
        return parse(path.read_text(encoding="utf-8"), path, rows)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot read the controller profile: {error}") from error


def load_all(folder: Path, rows: Table) -> list[Profile]:
    """Return every profile in ``folder``, by file name; a folder that is not there holds none."""
    return [load(path, rows) for path in sorted(folder.glob("*.toml"))]


def write(profile: Profile) -> str:
    """Return the profile as TOML that ``parse`` reads back."""
    lines = [f"name = {_quote(profile.name)}", f"match = [{', '.join(map(_quote, profile.match))}]"]
    for table in ("controls", "leds", "commands", "bindings"):
        rows: Mapping[str, str] = getattr(profile, table)
        if rows:
            lines += ["", f"[{table}]", *(f"{_quote(key)} = {_quote(value)}" for key, value in rows.items())]
    return "\n".join(lines) + "\n"


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")  # a JSON string is a TOML basic string


def merge(shipped: Profile | None, own: Profile | None, port: str) -> Profile:
    """Return what is known of a port: the shipped profile, the user's entries over it."""
    if shipped is None or own is None:
        return own or shipped or Profile(port, (port,))
    return Profile(
        own.name,
        own.match,
        *(
            MappingProxyType({**getattr(shipped, table), **getattr(own, table)})
            for table in ("controls", "leds", "commands", "bindings")
        ),
    )
