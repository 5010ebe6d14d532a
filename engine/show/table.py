"""The parameter tables of a show: the one that it begins with, and the one that a preset plays with."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from engine.borders.contracts import Model
from engine.borders.errors import UserError
from engine.borders.params import ROWS, Table
from engine.borders.preset import Preset
from engine.control.presets import preset as presets
from engine.stage.passes.rows import rows_of
from engine.stage.passes.shader import files_of, folder


def unheard(line: str) -> None:
    """Tell nobody."""


@functools.cache
def standard() -> Table:
    """Return the table of everything that is shipped."""
    return Table((*ROWS, *rows_of((folder(),), unheard)))


def table_of(shaders: Path | None, tell: Callable[[str], None] = unheard) -> Table:
    """Return the table with the passes in the folder ``shaders`` as well; UserError when there is no such folder.

    ``tell`` gets a line for a file that cannot be read, and for one that goes over a shipped pass.
    """
    if shaders is None:
        return standard()
    if not shaders.is_dir():
        raise UserError(f"--shaders {shaders}: there is no such folder")
    shipped = files_of()
    for path in sorted(shaders.glob("*.frag")):
        if path.stem in shipped:
            tell(f"{path}: goes over the shipped pass {path.stem}")
    try:
        return Table((*ROWS, *rows_of((shaders, folder()), tell)))
    except ValueError as error:
        raise UserError(f"--shaders {shaders}: {error}: rename the file") from error


def playing_table(base: Table, shaders: Path | None, model: Model, preset: Preset) -> Table:
    """Return the table that ``preset`` plays with: ``base``, what its passes declare by now, what ``model`` brings.

    ``base`` itself where these bring nothing new. UserError where the preset names a row that nothing brings.
    """
    folders = (folder(),) if shaders is None else (shaders, folder())
    rows = {**base, **{row.name: row for row in rows_of(folders, unheard, preset.passes)}}
    try:
        table = Table((*rows.values(), *model.rows))
    except ValueError as error:
        raise UserError(f"{preset.path or preset.name}: the model {preset.model} does not fit: {error}") from error
    table = base if table == base else table
    presets.check(preset, table)
    return table
