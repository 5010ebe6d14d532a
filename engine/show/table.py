"""The parameter table that a show begins with: the engine's own rows, and those that the passes' files declare."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from engine.borders.errors import UserError
from engine.borders.params import ROWS, Table
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
