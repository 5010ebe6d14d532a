"""The line of a TOML file in which a key stands; tomllib does not tell."""

from __future__ import annotations

import re

HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]")


def line_of(text: str, table: str, key: str | None, number: int = 1) -> int | None:
    """Return the line, from 1, of ``key`` in ``table`` ("" is the top level), or else of the table's header.

    ``number`` counts the tables of an array, [[routes]]. None when neither is written in a line of its own.
    """
    header: int | None = None
    inside, count = not table, 0
    for index, line in enumerate(text.splitlines(), 1):
        if match := HEADER.match(line):
            same = match[2] == table
            count += same
            inside = same and count == (number if match[1] == "[[" else 1)
            header = index if inside else header
        elif inside and key is not None and _begins(line, key):
            return index
    return header


def _begins(line: str, key: str) -> bool:
    return re.match(rf"\s*(['\"]?){re.escape(key)}\1\s*[=.]", line) is not None
