"""A preset's [style] table: what the picture is painted over with."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path

from engine.borders.preset import Styling
from engine.control.toml.reader import Reader, Toml
from engine.system.files import beside, is_path
from engine.system.resources import PACKAGED_STYLES, find_style

WHERE = "[style]"
MOST_STYLES = 4  # style.mix.1 to 4 are their shares
LEAST, MOST = 32, 1024  # pixels of size
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".npy")


def read_style(reader: Reader, table: Toml, path: Path) -> Styling | None:
    """Return the table's values, None where the preset has none; UserError names what is wrong."""
    if not table:
        return None
    default = Styling("")
    reader.check_keys(WHERE, table, [field.name for field in fields(Styling)])
    if "weights" not in table:
        raise reader.fail(WHERE, "'weights' is missing: a shipped style network's name, or a file")
    weights = reader.text(WHERE, table, "weights", "")
    styles = table.get("styles", [])
    if not isinstance(styles, list) or not all(isinstance(s, str | int) and not isinstance(s, bool) for s in styles):
        raise reader.fail(WHERE, "'styles' must be a list of names, numbers or pictures", "styles")
    if len(styles) > MOST_STYLES:
        raise reader.fail(WHERE, f"'styles' may be {MOST_STYLES} at most", "styles")
    size = reader.number(WHERE, "size", table.get("size", default.size))
    if not LEAST <= size <= MOST or size != int(size):
        raise reader.fail(WHERE, f"'size' must be whole pixels from {LEAST} to {MOST}", "size")
    return Styling(weights_of(weights, path), tuple(style_of(str(style), path) for style in styles), int(size))


def weights_of(name: str, preset: Path) -> str:
    """Return the weights that the file ``preset`` names: a shipped name as it is, a file by its whole path."""
    if is_path(name) or (
        name not in PACKAGED_STYLES and find_style(name) is None and os.path.exists(beside(name, preset))
    ):
        return str(beside(name, preset))
    return name


def style_of(name: str, preset: Path) -> str:
    """Return the style that the file ``preset`` names: a name or number as it is, a picture by its whole path."""
    if is_path(name) or (name.lower().endswith(PICTURES) and os.path.exists(beside(name, preset))):
        return str(beside(name, preset))
    return name
