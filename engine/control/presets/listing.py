"""All presets at hand: the shipped ones and the performer's own, in their order, none of them read yet.

`vj` alone says their names: nothing that reads a preset is imported here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from engine.system.resources import resource


def listed(folders: Iterable[Path]) -> dict[str, Path]:
    """Return every preset in ``folders`` by name: those of the last folder first, which ships them.

    A file of an earlier folder goes over one of the same name and keeps its place.
    """
    found: dict[str, Path] = {}
    for folder in reversed(tuple(folders)):
        for path in sorted(folder.glob("[!.]*.toml"), key=counted):
            found[path.stem] = path
    return found


def counted(path: Path) -> tuple[tuple[str, int], ...]:
    """Return a name's place in an order that counts: tidal-9 comes before tidal-10."""
    parts = re.split(r"(\d+)", path.stem.casefold())
    return tuple((part, 0) if at % 2 == 0 else ("", int(part)) for at, part in enumerate(parts))


def whole_evening(preset: str, folders: Iterable[Path]) -> tuple[tuple[str, ...], int]:
    """Return the names of all presets, and the place of ``preset``, which comes first where it is another file."""
    every = listed(folders)
    names, where = list(every), Path(preset).absolute()
    wanted = preset if preset in every else next((name for name, path in every.items() if path == where), preset)
    if wanted not in every:
        names.insert(0, wanted)
    return tuple(names), names.index(wanted)


def thumbnail_of(preset: Path) -> Path | None:
    """Return the small picture of a preset's file: beside it, or the shipped one; None where there is none."""
    own = preset.with_suffix(".jpg")
    if own.is_file():
        return own
    shipped = resource("presets", "thumbnails", own.name)
    return shipped if preset.parent == resource("presets") and shipped.is_file() else None
