"""A preset's [background] table: what shows through the picture."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from engine.borders.preset import COLOUR, FEEDBACK, ISF, Background
from engine.borders.video import VIDEO
from engine.control.presets.isf import isf_of
from engine.control.toml.reader import Reader, Toml
from engine.system.files import beside, is_path

WHERE = "[background]"
SOURCES = (COLOUR, FEEDBACK, VIDEO)


def read_background(reader: Reader, table: Toml | None, path: Path) -> Background | None:
    """Return the table's values, None where the preset has none; UserError names what is wrong."""
    if table is None:
        return None
    reader.check_keys(WHERE, table, [field.name for field in fields(Background)])
    source = reader.text(WHERE, table, "source", COLOUR)
    if source in SOURCES:
        return Background(source)
    if source.startswith(ISF):
        return Background(isf_of(source, path))
    if not is_path(source) and "." not in source:
        listed = ", ".join(SOURCES)
        raise reader.fail(WHERE, f"source = {source!r} is none of {listed}, and no file's name", "source")
    return Background(str(beside(source, path)))
