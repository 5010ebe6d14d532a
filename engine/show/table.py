"""The parameter tables of a show: the one that it begins with, and the one that a preset plays with."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from pathlib import Path

from engine.borders.contracts import Model
from engine.borders.errors import UserError
from engine.borders.params import DESKTOP_ROWS, PICTURE_ROWS, STYLE_ROWS, TRAVEL_ROWS, Param, Table
from engine.borders.preset import Preset
from engine.control.presets import preset as presets
from engine.generator.warps.rows import ROWS as WARP_ROWS
from engine.show.open_background import drawn_passes
from engine.stage.isf.files import rows_of as isf_rows_of
from engine.stage.passes.rows import rows_of
from engine.stage.passes.source import files_of


def unheard(line: str) -> None:
    """Tell nobody."""


@functools.cache
def standard() -> Table:
    """Return the table of everything that is shipped."""
    return Table(_with_passes(rows_of((), unheard)))


def table_of(shaders: Path | None, tell: Callable[[str], None] = unheard) -> Table:
    """Return the table with the passes in the folder ``shaders`` as well; UserError when there is no such folder.

    ``tell`` gets a line for a file that cannot be read, and for one that goes over a shipped pass.
    """
    if shaders is None:
        return standard()
    if not shaders.is_dir():
        raise UserError(f"--shaders {shaders}: there is no such folder")
    ours = files_of()
    for name, path in files_of((shaders,)).items():
        if name in ours and not path.samefile(ours[name]):
            tell(f"{path} goes over the shipped pass {name}")
    try:
        return Table(_with_passes(rows_of((shaders,), tell)))
    except ValueError as error:
        raise UserError(f"--shaders {shaders}: {error}: rename the file") from error


def playing_table(base: Table, shaders: Path | None, model: Model, preset: Preset) -> Table:
    """Return the table that ``preset`` plays with: ``base``, what its passes declare by now, what ``model`` brings.

    ``base`` itself where these bring nothing new. UserError where the preset names a row that nothing brings, or an ISF
    file that is missing or broken.
    """
    folders = () if shaders is None else (shaders,)
    rows = {**base, **{row.name: row for row in rows_of(folders, unheard, preset.passes)}}
    isf = isf_rows_of(drawn_passes(preset), folders)
    try:
        table = Table((*rows.values(), *isf, *model.rows))
    except ValueError as error:
        raise UserError(f"{preset.path or preset.name}: the model {preset.model} does not fit: {error}") from error
    table = base if table == base else table
    presets.check(preset, table)
    return table


def _with_passes(rows: Iterable[Param]) -> tuple[Param, ...]:
    """Return the engine's own rows with those of the passes between the picture's and the desktop's."""
    return (*TRAVEL_ROWS, *WARP_ROWS, *PICTURE_ROWS, *STYLE_ROWS, *rows, *DESKTOP_ROWS)
