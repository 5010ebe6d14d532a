"""Controller profiles: what the knobs of one make of controller are called, so that presets travel.

A profile is a TOML file, shipped or the user's own. ``[controls]`` names addresses, ``[kinds]`` says how their
messages are read, ``[leds]`` which messages light what, ``[commands]`` and ``[bindings]`` what a control does without
a route.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from engine.borders.errors import nearest
from engine.borders.params import Table, may_come
from engine.control.hands.commands import COMMANDS
from engine.control.hands.kinds import ADDRESS, KINDS, fine_address, like_address, refusal, usual
from engine.control.toml import writer
from engine.control.toml.reader import TOP, Reader
from engine.system.files import read_text

Entry = TypeVar("Entry", str, int)

WHAT = "the controller profile"
FILES = "[!.]*.toml"  # the files of profiles in a folder
NAME = re.compile(r"[a-z][a-z0-9_]*")
LIT = 127  # what lights a light that has no value of its own
NOTHING: Mapping[str, str] = MappingProxyType({})
NO_NUMBERS: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Profile:
    """One make of controller. Addresses are ``cc.CHANNEL.CONTROL``, ``note.CHANNEL.NOTE``, ``bend.CHANNEL`` …

    ``match`` are parts of the port's name; ``port`` is the whole name where the profile is that of one controller.
    ``controls`` is name to address, ``kinds`` an address, a name, or names without their number, to one of KINDS,
    ``leds`` name to the address that lights it, ``lit`` a light's name, or its name without number, to the value that
    lights it, ``start`` messages in hexadecimal that a controller gets when it comes, ``commands`` address to command,
    ``bindings`` parameter to address.
    """

    name: str
    match: tuple[str, ...] = ()
    port: str = ""
    start: tuple[str, ...] = ()
    controls: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    kinds: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    leds: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    lit: Mapping[str, int] = field(default_factory=lambda: NO_NUMBERS)
    commands: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    bindings: Mapping[str, str] = field(default_factory=lambda: NOTHING)

    def names(self) -> dict[str, str]:
        """Return {address: name}."""
        return {address: name for name, address in self.controls.items()}

    def addresses(self) -> frozenset[str]:
        """Return the addresses that the profile has something to say of."""
        declared = filter(ADDRESS.fullmatch, self.kinds)
        return frozenset((*self.controls.values(), *declared, *self.commands, *self.bindings.values()))

    def declared(self, address: str) -> str | None:
        """Return the kind that is declared of an address, of its name, or of all names of its kind."""
        name = self.names().get(address, "")
        found = (self.kinds.get(key) for key in (address, name, name.rpartition("_")[0]))
        return next((kind for kind in found if kind is not None), None)

    def kind(self, address: str) -> str:
        """Return the kind of an address: the declared one, or the usual one."""
        if (kind := self.declared(address)) is not None:
            return kind
        if address.startswith("cc.") and address in self.commands:
            return "momentary"
        return usual(address, self.names().get(address, ""))

    def fits(self, port: str) -> bool:
        """Return whether a MIDI port of this name is such a controller."""
        if self.port:
            return port == self.port
        return self.closeness(port) > 0

    def closeness(self, port: str) -> int:
        """Return how long the longest part is that ``port`` has in its name, 0 where it has none."""
        return max((len(part) for part in self.match if part.casefold() in port.casefold()), default=0)

    def value_lit(self, light: str) -> int:
        """Return what is sent for a light that is on."""
        return self.lit.get(light, self.lit.get(light.rpartition("_")[0], LIT))


TABLES = tuple(f.name for f in fields(Profile) if f.name not in ("name", "match", "port", "start"))


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
    start = reader.texts(TOP, document, "start", ())
    if any(not octets_of(message) for message in start):
        raise reader.fail(TOP, "'start' must be messages such as 'F0 7E 7F 06 01 F7'", "start")
    tables = {key: _texts(reader, key) for key in TABLES if key != "lit"}
    for key, value in tables["controls"].items():
        if not NAME.fullmatch(key):
            raise reader.fail("[controls]", f"{key!r} must be a name such as knob_1", key)
        _address(reader, "[controls]", key, value)
    for key, value in tables["leds"].items():
        _address(reader, "[leds]", key, value)
        if not value.startswith(("note.", "cc.")):
            raise reader.fail("[leds]", f"a light is lit by a note or a CC, not by {value}", key)
    for key, command in tables["commands"].items():
        _address(reader, "[commands]", key, key)
        if command not in COMMANDS:
            raise reader.fail("[commands]", f"unknown command {command!r}; {nearest(command, COMMANDS)}", key)
    groups = {name.split(".")[0] for name in rows}
    own = [name for name in tables["bindings"] if "." not in name or name.split(".")[0] in groups]
    reader.check_keys("[bindings]", (name for name in own if not may_come(name)), rows)
    for key, value in tables["bindings"].items():
        _address(reader, "[bindings]", key, value)
    _check_kinds(reader, tables)
    return Profile(
        reader.text(TOP, document, "name", path.stem),
        match,
        reader.text(TOP, document, "port", ""),
        start,
        lit=MappingProxyType(_lit(reader)),
        **{key: MappingProxyType(table) for key, table in tables.items()},
    )


def octets_of(message: str) -> tuple[int, ...]:
    """Return the bytes of a message in hexadecimal, none where it is not one."""
    try:
        octets = tuple(bytes.fromhex(message))
    except ValueError:
        return ()
    return octets if octets and octets[0] >= 0x80 else ()


def _texts(reader: Reader, key: str) -> dict[str, str]:
    table = reader.table(key)
    return {name: reader.text(f"[{key}]", table, name, "") for name in table}


def _address(reader: Reader, where: str, key: str, address: str) -> None:
    if not ADDRESS.fullmatch(address):
        like = like_address(address.casefold())
        hint = f"did you mean {like!r}?" if like else "addresses are such as cc.1.21 or note.10.36"
        raise reader.fail(where, f"{address!r} is no address; {hint}", key)


def _check_kinds(reader: Reader, tables: Mapping[str, Mapping[str, str]]) -> None:
    """Refuse a kind that there is not, or that a control cannot be of.

    The names may be those of another profile for the same controller, over which this one goes.
    """
    found: dict[str, str] = {}
    controls = tables["controls"]
    for key, kind in tables["kinds"].items():
        if kind not in KINDS:
            raise reader.fail("[kinds]", f"unknown kind {kind!r}; {nearest(kind, KINDS)}", key)
        if not NAME.fullmatch(key):
            _address(reader, "[kinds]", key, key)
            named = [key]
        else:
            named = [address for name, address in controls.items() if key in (name, name.rpartition("_")[0])]
            if controls and not named:
                raise reader.fail("[kinds]", f"no control is called {key!r}; {nearest(key, controls)}", key)
        for address in named:
            if why := refusal(address, kind):
                raise reader.fail("[kinds]", why, key)
            found[address] = kind
    taken = {*controls.values(), *tables["commands"], *tables["bindings"].values(), *found}
    for address, kind in found.items():
        if address.startswith("cc.") and kind.startswith("14-bit") and fine_address(address) in taken:
            fine = fine_address(address)
            raise reader.fail("[kinds]", f"{fine} is the fine byte of {address}, and a control of its own", address)


def _lit(reader: Reader) -> dict[str, int]:
    table = reader.table("lit")
    found = {}
    for key, value in table.items():
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= 127:
            raise reader.fail("[lit]", f"{key} must be a whole number, 1 to 127", key)
        found[key] = value
    return found


def load(path: Path, rows: Table) -> Profile:
    """Read a profile; UserError when it is unreadable or wrong."""
    return parse(read_text(path, WHAT), path, rows)


def load_all(folder: Path, rows: Table) -> list[Profile]:
    """Return every profile in ``folder``, by file name; a folder that is not there holds none."""
    return [load(path, rows) for path in sorted(folder.glob(FILES))]


def write(profile: Profile) -> str:
    """Return the profile as TOML that ``parse`` reads back."""
    head: dict[str, str | tuple[str, ...]] = {
        "name": profile.name,
        "match": profile.match,
        "port": profile.port,
        "start": profile.start,
    }
    lines = writer.rows({key: value for key, value in head.items() if value or key in ("name", "match")})
    for name in TABLES:
        table = tables_of(profile)[name]
        if table:
            lines += ["", f"[{name}]", *writer.rows(dict(table))]
    return "\n".join(lines) + "\n"


def tables_of(profile: Profile) -> dict[str, Mapping[str, str] | Mapping[str, int]]:
    """Return the profile's tables by name, in the order in which they are written."""
    return {
        "controls": profile.controls, "kinds": profile.kinds, "leds": profile.leds, "lit": profile.lit,
        "commands": profile.commands, "bindings": profile.bindings,
    }  # fmt: skip


def merge(profiles: Iterable[Profile | None], port: str) -> Profile:
    """Return what is known of a port: each profile's entries over those of the ones before it."""
    known = [profile for profile in profiles if profile is not None]
    if not known:
        return Profile(port, (port,))
    last = known[-1]
    return Profile(
        last.name,
        last.match,
        last.port,
        next((p.start for p in reversed(known) if p.start), ()),
        _over(p.controls for p in known),
        _over(p.kinds for p in known),
        _over(p.leds for p in known),
        _over(p.lit for p in known),
        _over(p.commands for p in known),
        _over(p.bindings for p in known),
    )


def _over(tables: Iterable[Mapping[str, Entry]]) -> Mapping[str, Entry]:
    found: dict[str, Entry] = {}
    for table in tables:
        found |= table
    return MappingProxyType(found)
