"""The user's folders: of settings, kept points, pictures and films; and the values remembered between shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from engine.borders.errors import UserError
from engine.system.files import write_whole

NAME = "latentvj"


def folder(*parts: str) -> Path:
    """Return a folder in the user's configuration, such as ``folder("controllers")``; it need not exist."""
    return Path(platformdirs.user_config_dir(NAME, appauthor=False)).joinpath(*parts)


def data(*parts: str) -> Path:
    """Return a folder for the user's own work, such as ``data("kept")``; it need not exist."""
    return Path(platformdirs.user_data_dir(NAME, appauthor=False)).joinpath(*parts)


def state(*parts: str) -> Path:
    """Return a file for what a show leaves behind for the next one, such as ``state("show.json")``."""
    return Path(platformdirs.user_state_dir(NAME, appauthor=False)).joinpath(*parts)


def pictures() -> Path:
    """Return the folder for screenshots, inside the user's folder of pictures; it need not exist."""
    return Path(platformdirs.user_pictures_dir()) / NAME


def films() -> Path:
    """Return the folder for recordings, inside the user's folder of videos; it need not exist."""
    return Path(platformdirs.user_videos_dir()) / NAME


def remembered(key: str) -> str | None:
    """Return the value remembered under ``key``, or None when there is none or it cannot be read."""
    return _read().get(key)


def remember(key: str, value: str) -> None:
    """Remember ``value`` for the next show; a failure to write it is ignored."""
    kept = _read()
    if kept.get(key) != value:
        try:
            save(folder() / "remembered.json", json.dumps({**kept, key: value}, indent=2, ensure_ascii=False) + "\n")
        except UserError:
            return


def save(path: Path, text: str) -> None:
    """Write ``text`` to ``path``, whole or not at all, and make its folder. Raises UserError when that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path.parent}: cannot make this folder: {error.strerror}") from error
    write_whole(path, Path.write_text, text, encoding="utf-8")


def _read() -> Mapping[str, str]:
    try:
        kept = json.loads((folder() / "remembered.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in kept.items() if isinstance(v, str)} if isinstance(kept, dict) else {}
