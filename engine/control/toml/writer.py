"""TOML as it is written: the values and keys that presets and controller profiles hold."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

BARE = re.compile(r"[A-Za-z0-9_-]+")  # a key that needs no quotes

Value = str | bool | int | float | tuple["Value", ...]


def value(given: Value) -> str:
    """Return a value as TOML."""
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, str):
        text = given.encode(errors="replace").decode()  # a file's name may hold bytes that are no text
        return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")  # a JSON string is a TOML one
    if isinstance(given, tuple):
        return f"[{', '.join(map(value, given))}]"
    return repr(given)


def key(name: str) -> str:
    """Return a key as TOML, in quotes where it needs them."""
    return name if BARE.fullmatch(name) else value(name)


def rows(table: Mapping[str, Value]) -> list[str]:
    """Return a table's rows, ``key = value``."""
    return [f"{key(name)} = {value(given)}" for name, given in table.items()]
