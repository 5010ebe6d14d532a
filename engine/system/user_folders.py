"""The user's folders: of settings, kept points, pictures and films; and the values remembered between shows."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from engine.borders.errors import UserError
from engine.system.files import decoded, write_whole

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


def cache(*parts: str) -> Path:
    """Return a folder for what can be made again, such as ``cache("heard")``; `LATENTVJ_CACHE` names another place."""
    named = os.environ.get("LATENTVJ_CACHE")
    return (Path(named) if named else Path(platformdirs.user_cache_dir(NAME))).joinpath(*parts)


def pictures() -> Path:
    """Return the folder for screenshots, inside the user's folder of pictures; it need not exist."""
    return Path(platformdirs.user_pictures_dir()) / NAME


def films() -> Path:
    """Return the folder for recordings, inside the user's folder of videos; it need not exist."""
    return Path(platformdirs.user_videos_dir()) / NAME


def remembered_file() -> Path:
    """Return the file of what shows remember; it need not exist."""
    return folder() / "remembered.json"


def remembered() -> Mapping[str, str]:
    """Return what is remembered by name; nothing where the file cannot be read."""
    try:
        kept = json.loads(decoded(remembered_file().read_bytes()))
    except (OSError, ValueError, RecursionError):
        return {}
    return {k: v for k, v in kept.items() if isinstance(v, str)} if isinstance(kept, dict) else {}


def remember(values: Mapping[str, str | None]) -> None:
    """Remember ``values`` for the next show, and forget those that are None; a failure to write is ignored."""
    before = remembered()
    after = {name: value for name, value in {**before, **values}.items() if value is not None}
    if after != before:
        try:
            save(remembered_file(), json.dumps(after, indent=2) + "\n")
        except UserError:
            return


def forget() -> None:
    """Forget all of it. Raises UserError where the file cannot be removed."""
    try:
        remembered_file().unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{remembered_file()}: cannot be removed: {error.strerror}; remove it yourself") from error


def save(path: Path, text: str) -> None:
    """Write ``text`` to ``path``, whole or not at all, and make its folder. Raises UserError when that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path.parent}: cannot make this folder: {error.strerror}") from error
    write_whole(path, Path.write_text, text, encoding="utf-8")
