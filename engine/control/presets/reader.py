"""Reads a TOML document's values, and names every culprit by file, line, table and key."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from engine.borders.errors import UserError
from engine.control.presets.toml_lines import line_of


class Reader:
    """Checks types and names every culprit by file, table and key."""

    def __init__(self, path: Path, text: str = "") -> None:
        """``text`` is what ``path`` holds, for the numbers of its lines."""
        self.path = path
        self._text = text

    def fail(self, where: str, what: str, key: str | None = None) -> UserError:
        """Return the error to raise: ``where`` is ``[table]``, ``[[tables]] number N`` or ``the top level``."""
        table = re.match(r"\[\[?([^\]]+)\]", where)
        number = re.search(r"number (\d+)$", where)
        line = line_of(self._text, table[1] if table else "", key, int(number[1]) if number else 1)
        return UserError(f"{self.path}{f':{line}' if line else ''}: in {where}: {what}")

    def check_keys(self, where: str, table: Mapping[str, Any], known: Iterable[str]) -> None:
        """Refuse a key of ``table`` that is not ``known``, naming the nearest."""
        names = list(known)
        for key in table:
            if key not in names:
                close = difflib.get_close_matches(key, names, 1)
                hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(names)}"
                raise self.fail(where, f"unknown key {key!r}; {hint}", key)

    def table(self, document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        """Return the sub-table ``key``, empty when it is not there."""
        value = document.get(key, {})
        if not isinstance(value, dict):
            raise self.fail("the top level", f"{key!r} must be a table, written [{key}]", key)
        return value

    def text(self, where: str, table: Mapping[str, Any], key: str, default: str) -> str:
        """Return a text."""
        value = table.get(key, default)
        if not isinstance(value, str):
            raise self.fail(where, f"{key!r} must be text in quotes", key)
        return value

    def texts(self, where: str, table: Mapping[str, Any], key: str, default: list[str]) -> list[str]:
        """Return a list of texts."""
        value = table.get(key, default)
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise self.fail(where, f"{key!r} must be a list of names in quotes", key)
        return value

    def number(self, where: str, key: str, value: Any) -> float:
        """Return a number."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fail(where, f"{key!r} must be a number, not {value!r}", key)
        if not math.isfinite(value):
            raise self.fail(where, f"{key!r} must be a finite number", key)
        return float(value)

    def choice(self, where: str, key: str, value: str, allowed: Iterable[str]) -> str:
        """Return ``value`` if it is one of ``allowed``."""
        names = list(allowed)
        if value not in names:
            raise self.fail(where, f"{key} = {value!r} is not one of {', '.join(names)}", key)
        return value
