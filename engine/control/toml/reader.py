"""A TOML file as it is read: presets, setlists and controller profiles are checked here, every culprit named."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from engine.borders.errors import UserError, nearest
from engine.control.toml.lines import line_of

TOP = "the top level"
Toml = Mapping[str, object]  # a table


class Reader:
    """Reads a document's values. What is wrong is a UserError that names file, line, table and key.

    ``where`` in its methods is a table as it is written: ``[params]``, ``[[routes]] number 2``, or TOP.
    """

    def __init__(self, path: Path, text: str) -> None:
        """``text`` is what ``path`` holds; UserError when it is not TOML."""
        self.path, self._text = path, text
        try:
            self.document: Toml = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise UserError(f"{path}: not valid TOML: {error}") from error
        except (ValueError, RecursionError) as error:  # Python reads no number of thousands of digits
            why = (
                "a number in it is too long" if isinstance(error, ValueError) else "its brackets are nested too deeply"
            )
            raise UserError(f"{path}: not valid TOML: {why}") from error
        if any("\0" in text for text in _texts(self.document)):
            raise UserError(f"{path}: a text in it holds the character \\u0000, which no name can have")

    def fail(self, where: str, what: str, key: str | None = None) -> UserError:
        """Return the error to raise."""
        table = re.match(r"\[\[?([^\]]+)\]", where)
        number = re.search(r"number (\d+)$", where)
        line = line_of(self._text, table[1] if table else "", key, int(number[1]) if number else 1)
        return UserError(f"{self.path}{f':{line}' if line else ''}: in {where}: {what}")

    def check_keys(self, where: str, table: Iterable[str], known: Iterable[str]) -> None:
        """Refuse a key of ``table`` that is not ``known``."""
        names = list(known)
        for key in table:
            if key not in names:
                raise self.fail(where, f"unknown key {key!r}; {nearest(key, names)}", key)

    def table(self, key: str) -> Toml:
        """Return the document's table ``key``, empty when it is not there."""
        value = self.document.get(key, {})
        if not isinstance(value, dict):
            raise self.fail(TOP, f"{key!r} must be a table, written [{key}]", key)
        return value

    def tables(self, key: str) -> list[Toml]:
        """Return the document's tables ``[[key]]``, none when they are not there."""
        value = self.document.get(key, [])
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise self.fail(TOP, f"{key!r} must be written as [[{key}]] tables", key)
        return value

    def text(self, where: str, table: Toml, key: str, default: str) -> str:
        """Return a text."""
        value = table.get(key, default)
        if not isinstance(value, str):
            raise self.fail(where, f"{key!r} must be text in quotes", key)
        return value

    def texts(self, where: str, table: Toml, key: str, default: Iterable[str]) -> tuple[str, ...]:
        """Return a list of texts."""
        value = table.get(key)
        if value is None:
            return tuple(default)
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise self.fail(where, f"{key!r} must be a list of names in quotes", key)
        return tuple(value)

    def number(self, where: str, key: str, value: object) -> float:
        """Return a number."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fail(where, f"{key!r} must be a number, not {value!r}", key)
        if not -sys.float_info.max <= value <= sys.float_info.max:  # infinite, no number, or too large a whole one
            raise self.fail(where, f"{key!r} must be a finite number", key)
        return float(value)

    def switch(self, where: str, table: Toml, key: str) -> bool:
        """Return true or false; false when it is not there."""
        value = table.get(key, False)
        if not isinstance(value, bool):
            raise self.fail(where, f"{key!r} is true or false, not {value!r}", key)
        return value

    def choice(self, where: str, table: Toml, key: str, allowed: Iterable[str], default: str) -> str:
        """Return a text that is one of ``allowed``."""
        value, names = self.text(where, table, key, default), list(allowed)
        if value not in names:
            raise self.fail(where, f"{key} = {value!r} is not one of {', '.join(names)}", key)
        return value


def _texts(value: object) -> Iterator[str]:
    """Yield every text and key in a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
