"""The parameters that passes declare, read from their files: no OpenGL, so that presets can be checked without it.

A pass says ``#pragma latentvj param NAME DEFAULT LOW HIGH "UNIT" "HELP"``, then ``rate`` or ``whole`` where that is so
(see `borders.params.Param`). Its parameter ``amount`` switches it on and off.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Container, Sequence
from pathlib import Path

from engine.borders.params import Param
from engine.stage.passes.shader import PRAGMA, ShaderError, files_of

FLAGS = ("rate", "whole")


def rows_of(
    folders: Sequence[Path], tell: Callable[[str], None], names: Container[str] | None = None
) -> tuple[Param, ...]:
    """Return the rows of every pass in ``folders``, or of those in ``names``; the first folder that has a name first.

    A file that cannot be read is told and has no rows; where a preset uses it, loading it says so once more.
    """
    rows: list[Param] = []
    for name, path in files_of(folders).items():
        if names is not None and name not in names:
            continue
        try:
            rows += rows_in(path.read_text(encoding="utf-8"), name, path)
        except (ShaderError, OSError, UnicodeDecodeError) as error:
            tell(f"{error}; the pass {name} has no parameters")
    return tuple(rows)


def rows_in(text: str, name: str, path: Path) -> list[Param]:
    """Return the rows that the pass ``name`` declares in ``text``; ShaderError names the line of ``path``."""
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        found = PRAGMA.match(line)
        if found is not None and found[1].split()[:1] == ["param"]:
            rows.append(_row(found[1], name, f"{path}:{number}"))
    return rows


def _row(said: str, name: str, where: str) -> Param:
    try:
        _, key, *numbers, unit, text = (words := shlex.split(said))[:7]
        default, low, high = map(float, numbers)
    except ValueError as error:
        form = 'param NAME DEFAULT LOW HIGH "UNIT" "HELP"'
        raise ShaderError(f"{where}: a parameter is declared as {form} ({error})") from error
    flags = words[7:]
    if wrong := [flag for flag in flags if flag not in FLAGS]:
        raise ShaderError(f"{where}: {wrong[0]!r} is not one of {', '.join(FLAGS)}")
    if not key.isidentifier() or not low <= default <= high:
        raise ShaderError(f"{where}: {key} = {default:g} is outside {low:g} to {high:g}, or no name")
    return Param(f"{name}.{key}", default, low, high, unit, text, rate="rate" in flags, whole="whole" in flags)
