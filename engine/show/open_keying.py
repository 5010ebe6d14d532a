"""What is known of a model's background: a side file MODEL.matte.toml beside it, or nothing but its channels.

```toml
background = "#ffffff"   # the colour behind the subject; left out, it is what most of a frame's border has
tolerance  = 0.1         # 0..1: how far a colour may be from it and still be background
shadow     = 0.5         # 0..1: how dark the background may become where the subject's shadow falls
margin     = 0.016       # shares of the picture's side: what is background whatever it shows
pocket     = 0.027       # shares of the side: the smallest square of background that is enclosed by the subject
step       = 0.12        # 0..1: darker by more than this than the pixel beside it, a pixel is the subject's; 0: none is
passage    = 0.032       # shares of the side: the widest pale flesh between strong colours that opens to the floor
```
"""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from engine.borders.keying import Colour, Keying
from engine.control.toml.reader import TOP, Reader
from engine.system.files import is_file, read_text

SUFFIX = ".matte.toml"
HIGHEST = {"tolerance": 1.0, "shadow": 0.95, "margin": 0.25, "pocket": 0.5, "step": 1.0, "passage": 0.2}  # lowest: 0


def keying_of(model: Path, known: Keying) -> Keying:
    """Return ``known`` with what the file beside ``model`` says; UserError names file, line and key."""
    path = model.with_name(model.stem + SUFFIX)
    if not is_file(path):
        return known
    reader = Reader(path, read_text(path, "the matte of a model"))
    document = reader.document
    reader.check_keys(TOP, document, [field.name for field in fields(Keying) if field.name != "own"])
    background = known.background
    if "background" in document:
        background = colour(reader, TOP, "background", document["background"])
    return Keying(
        background=background,
        own=known.own,
        tolerance=_share(reader, "tolerance", known.tolerance),
        shadow=_share(reader, "shadow", known.shadow),
        margin=_share(reader, "margin", known.margin),
        pocket=_share(reader, "pocket", known.pocket),
        step=_share(reader, "step", known.step),
        passage=_share(reader, "passage", known.passage),
    )


def _share(reader: Reader, name: str, default: float) -> float:
    value = reader.number(TOP, name, reader.document.get(name, default))
    if not 0.0 <= value <= HIGHEST[name]:
        raise reader.fail(TOP, f"{name} = {value:g} is outside 0 to {HIGHEST[name]:g}", name)
    return value


def colour(reader: Reader, where: str, key: str, value: object) -> Colour:
    """Return the colour that is written as ``#rrggbb``; UserError names file, line and key."""
    found = (
        re.fullmatch(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})", value) if isinstance(value, str) else None
    )
    if found is None:
        raise reader.fail(where, f'{key!r} must be a colour such as "#ffffff"', key)
    red, green, blue = (int(each, 16) / 255.0 for each in found.groups())
    return red, green, blue
