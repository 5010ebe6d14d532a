"""The line of a TOML file in which a key stands; tomllib does not tell."""

from __future__ import annotations

import re

HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
KEY = re.compile(r"""((?:[\w.\s-]|"[^"]*"|'[^']*')+)=""")
NAMES = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


def line_of(text: str, table: str, key: str | None, number: int = 1) -> int | None:
    """Return the line, from 1, of ``key`` in ``table`` ("" is the top level), or else of the table's header.

    A key that is a table stands where the table's header is. ``number`` counts the tables of an array, [[routes]].
    None when neither the key nor the header is written in a line.
    """
    wanted = f"{table}.{key}" if table and key is not None else key
    header: int | None = None
    inside, count = "", 0
    for index, line in enumerate(text.splitlines(), 1):
        if match := HEADER.match(line):
            path = inside = _path(match[2])
            count += match[1] == "[[" and path == table
            header = index if path == table and count in (0, number) else header
        elif match := KEY.match(line):
            path = f"{inside}.{_path(match[1])}" if inside else _path(match[1])
        else:
            continue
        if wanted is not None and count in (0, number) and f"{path}.".startswith(f"{wanted}."):
            return index
    return header


def _path(written: str) -> str:
    """Return a dotted name without the spaces and quotes in which it is written."""
    return ".".join(name.strip("\"'") for name in NAMES.findall(written))
