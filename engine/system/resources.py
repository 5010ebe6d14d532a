"""Where the files that ship with the engine are: shaders, presets, models, songs.

In a checkout they lie at the root, beside ``engine``, where people edit them; in an installed wheel
they lie inside the package, under ``_data`` (pyproject.toml maps them there).
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def _root() -> Path:
    # An installed package asks itself first: a stranger's "presets" may lie beside it in site-packages.
    installed = _PACKAGE / "_data"
    return installed if installed.is_dir() else _PACKAGE.parent


def resource(*parts: str) -> Path:
    """Return the path of a shipped file or folder, ``resource("shaders", "lib")``, present or not."""
    return _root().joinpath(*parts)


def names(folder: str, *suffixes: str) -> list[str]:
    """Return the names, without suffix, of what ships in ``folder``, for "unknown X, try one of"."""
    found = resource(*folder.split("/")).glob("*")
    return sorted({path.stem for path in found if path.is_file() and path.suffix in suffixes})


def find(folder: str, name: str, *suffixes: str) -> Path | None:
    """Return the shipped file called ``name`` in ``folder``, whichever of ``suffixes`` it has, or None.

    ``find("presets/songs", "demo", ".ogg", ".flac")`` is the built-in song.
    """
    if not name or Path(name).name != name:  # a path is the user's own file, never a shipped name
        return None
    for suffix in suffixes:
        path = resource(*folder.split("/"), name + suffix)
        if path.is_file():
            return path
    return None
