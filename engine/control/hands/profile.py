"""Controller profiles: what the knobs of one make of controller are called, so that presets travel.

A profile is a TOML file, shipped or the user's own. ``[controls]`` names addresses, ``[leds]`` says
which messages light what, ``[commands]`` and ``[bindings]`` say what a control does without a route.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType

from engine.borders.errors import nearest
from engine.borders.params import Table, may_come
from engine.control.hands.commands import COMMANDS
from engine.control.toml import writer
from engine.control.toml.reader import TOP, Reader
from engine.system.files import read_text

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

    A binding may also name a parameter of a group that ``rows`` lacks: a model or a pass may bring it.

    UserError names ``path``, the table and the key that is wrong.
    """
    reader = Reader(path, text)
    document = reader.document
    reader.check_keys(TOP, document, [f.name for f in fields(Profile)])
    match = reader.texts(TOP, document, "match", ())
    if not all(match):
        raise reader.fail(TOP, "'match' must be a list of parts of the port's name", "match")
    name = reader.text(TOP, document, "name", path.stem)
    tables = {key: _texts(reader, key) for key in ("controls", "leds", "commands", "bindings")}
    for key, value in tables["controls"].items():
        if not NAME.fullmatch(key):
            raise reader.fail("[controls]", f"{key!r} must be a name such as knob_1", key)
        _address(reader, "[controls]", key, value)
    for key, value in tables["leds"].items():
        _address(reader, "[leds]", key, value)
    for key, command in tables["commands"].items():
        _address(reader, "[commands]", key, key)
        if command not in COMMANDS:
            raise reader.fail("[commands]", f"unknown command {command!r}; {nearest(command, COMMANDS)}", key)
    groups = {name.split(".")[0] for name in rows}
    own = [name for name in tables["bindings"] if "." not in name or name.split(".")[0] in groups]
    reader.check_keys("[bindings]", (name for name in own if not may_come(name)), rows)
    for key, value in tables["bindings"].items():
        _address(reader, "[bindings]", key, value)
    return Profile(name, match, **{key: MappingProxyType(table) for key, table in tables.items()})


def _texts(reader: Reader, key: str) -> dict[str, str]:
    table = reader.table(key)
    return {name: reader.text(f"[{key}]", table, name, "") for name in table}


def _address(reader: Reader, where: str, key: str, address: str) -> None:
    if not ADDRESS.fullmatch(address):
        raise reader.fail(where, f"{address!r} is not an address such as cc.1.21 or note.10.36", key)


def load(path: Path, rows: Table) -> Profile:
    """Read a profile; UserError when it is unreadable or wrong."""
    return parse(read_text(path, "the controller profile"), path, rows)


def load_all(folder: Path, rows: Table) -> list[Profile]:
    """Return every profile in ``folder``, by file name; a folder that is not there holds none."""
    return [load(path, rows) for path in sorted(folder.glob("*.toml"))]


def write(profile: Profile) -> str:
    """Return the profile as TOML that ``parse`` reads back."""
    lines = writer.rows({"name": profile.name, "match": profile.match})
    tables = {
        "controls": profile.controls, "leds": profile.leds, "commands": profile.commands, "bindings": profile.bindings,
    }  # fmt: skip
    for name, table in tables.items():
        if table:
            lines += ["", f"[{name}]", *writer.rows(dict(table))]
    return "\n".join(lines) + "\n"


def merge(shipped: Profile | None, own: Profile | None, port: str) -> Profile:
    """Return what is known of a port: the shipped profile, the user's entries over it."""
    if shipped is None or own is None:
        return own or shipped or Profile(port, (port,))
    return Profile(
        own.name,
        own.match,
        MappingProxyType({**shipped.controls, **own.controls}),
        MappingProxyType({**shipped.leds, **own.leds}),
        MappingProxyType({**shipped.commands, **own.commands}),
        MappingProxyType({**shipped.bindings, **own.bindings}),
    )
