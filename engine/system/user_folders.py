"""What the engine remembers between shows, in the user's own configuration folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from engine.borders.errors import UserError
from engine.system.files import write_whole

NAME = "latentvj"


def folder(*parts: str) -> Path:
    """Return a folder of the user's own, present or not: ``folder("controllers")``."""
    return Path(platformdirs.user_config_dir(NAME, appauthor=False)).joinpath(*parts)


def data(*parts: str) -> Path:
    """Return a folder for what the user made, present or not: ``data("kept")``."""
    return Path(platformdirs.user_data_dir(NAME, appauthor=False)).joinpath(*parts)


def pictures() -> Path:
    """Return the folder for screenshots, present or not, in the user's own folder of pictures."""
    return Path(platformdirs.user_pictures_dir()) / NAME


def films() -> Path:
    """Return the folder for recordings, present or not, in the user's own folder of videos."""
    return Path(platformdirs.user_videos_dir()) / NAME


def remembered(key: str) -> str | None:
    """Return what was remembered under ``key``; nothing when there is no such thing or it cannot be read."""
    return _read().get(key)


def remember(key: str, value: str) -> None:
    """Remember ``value`` for the next show; where that cannot be written the show goes on without."""
    kept = _read()
    if kept.get(key) != value:
        try:
            save(folder() / "remembered.json", json.dumps({**kept, key: value}, indent=2, ensure_ascii=False) + "\n")
        except UserError:
            return


def save(path: Path, text: str) -> None:
    """Write a file of the user's own whole or not at all; UserError when it cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path.parent}: cannot make this folder: {error.strerror}") from error
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def _read() -> Mapping[str, str]:
    try:
        kept = json.loads((folder() / "remembered.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in kept.items() if isinstance(v, str)} if isinstance(kept, dict) else {}
