"""The parameters that passes declare, read from their files without OpenGL: presets are checked against them.

A pass says ``#pragma latentvj param NAME DEFAULT LOW HIGH "UNIT" "HELP"``, then ``rate`` or ``whole`` where that is so
(see `borders.params.Param`). In the file ``fog.frag`` this declares the parameter ``fog.NAME`` and the uniform of that
name. The parameter ``amount`` switches the pass on and off. ``#pragma latentvj order N`` says where the rows of a pass
stand among those of the others; a pass without it follows, by its name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Container, Iterable, Sequence
from pathlib import Path

from engine.borders.params import Param
from engine.stage.passes.source import Pragma, ShaderError, files_of, pragmas_of

FLAGS = ("rate", "whole")
FORM = f'param NAME DEFAULT LOW HIGH "UNIT" "HELP", then {" or ".join(FLAGS)} where that is so'
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def rows_of(
    folders: Sequence[Path], tell: Callable[[str], None], names: Container[str] | None = None
) -> tuple[Param, ...]:
    """Return the rows of every pass in ``folders`` and of every shipped one, or of those in ``names`` only.

    A file in ``folders`` goes over a shipped one of the same name. A file with a mistake is told and has no rows; a
    preset that uses it is refused when the pass is loaded.
    """
    found: list[tuple[float, str, tuple[Param, ...]]] = []
    for name, path in files_of(folders).items():
        if names is not None and name not in names:
            continue
        try:
            pragmas = pragmas_of(path)
            found.append((_order(pragmas), name, rows_in(pragmas, name)))
        except ShaderError as error:
            tell(f"{error}; the pass {name} has no parameters")
    return tuple(row for _, _, rows in sorted(found) for row in rows)


def rows_in(pragmas: Iterable[Pragma], name: str) -> tuple[Param, ...]:
    """Return the rows that the pass ``name`` declares; ShaderError names file and line."""
    rows: dict[str, Param] = {}
    for pragma in pragmas:
        if pragma.words[:1] != ("param",):
            continue
        if not _WORD.fullmatch(name):
            raise ShaderError(f"{pragma.place}: a pass with parameters is called by a word, not {name!r}")
        row = _row(pragma, name)
        if row.name in rows:
            raise ShaderError(f"{pragma.place}: {row.name} is declared twice")
        rows[row.name] = row
    return tuple(rows.values())


def _row(pragma: Pragma, name: str) -> Param:
    _, *words = pragma.words
    if len(words) < 6:
        raise ShaderError(f"{pragma.place}: a parameter is declared as {FORM}")
    key, *numbers, unit, text = words[:6]
    flags = words[6:]
    if not _WORD.fullmatch(key):
        raise ShaderError(f"{pragma.place}: a parameter is called by a word, not {key!r}")
    if wrong := [flag for flag in flags if flag not in FLAGS]:
        raise ShaderError(f"{pragma.place}: {wrong[0]!r} is not one of {', '.join(FLAGS)}")
    default, low, high = (_number(number, pragma) for number in numbers)
    if not low < high or not low <= default <= high:
        raise ShaderError(f"{pragma.place}: {key} = {default:g} is not inside {low:g} to {high:g}")
    if "whole" in flags and not all(number.is_integer() for number in (default, low, high)):
        raise ShaderError(f"{pragma.place}: {key} takes whole numbers, so its default and its range are whole ones")
    return Param(f"{name}.{key}", default, low, high, unit, text, rate="rate" in flags, whole="whole" in flags)


def _number(word: str, pragma: Pragma) -> float:
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ShaderError(f"{pragma.place}: {word!r} is not a number; a parameter is declared as {FORM}")
    return value


def _order(pragmas: Iterable[Pragma]) -> float:
    """Return where the rows of a pass stand among those of the others."""
    for pragma in pragmas:
        match pragma.words:
            case ("order", number):
                return _number(number, pragma)
            case ("order", *_):
                raise ShaderError(f"{pragma.place}: the place among the passes is declared as order N")
    return math.inf
