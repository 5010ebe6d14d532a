"""Converted copies of foreign checkpoints in the user's cache folder, named by their source's content.

A copy that is damaged or of an older form is made again; a folder that cannot be written costs speed, nothing
else. `LATENTVJ_CACHE` names another folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import platformdirs

from engine.borders.errors import UserError
from engine.system.files import write_whole

FORM = 1  # raise when conversion changes, so that older copies are not used
CHUNK = 1 << 20
SETTLED = 2_000_000_000  # nanoseconds after which a file's time stamp tells a later change apart


def folder() -> Path:
    """Where the copies lie."""
    named = os.environ.get("LATENTVJ_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("latentvj")) / "models"


def copy_of(digest: str) -> Path:
    """Where the converted copy of a source with that SHA-256 is, or would be."""
    return folder() / f"{digest}-{FORM}.safetensors"


def known_sha256(path: Path) -> str | None:
    """A file's SHA-256 from an earlier start, if its size, times and place on the disk are still the same."""
    try:
        seen = json.loads(note_of(path).read_text(encoding="utf-8"))
        is_same = seen["stamp"] == stamp(path) and isinstance(seen["sha256"], str)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None  # not seen before, or the note is damaged: it is made again
    return str(seen["sha256"]) if is_same and re.fullmatch("[0-9a-f]{64}", seen["sha256"]) else None


def sha256(path: Path, *, remember: bool = True) -> str:
    """A file's SHA-256 as hex; with `remember` it is kept for the next start, and taken from the last one."""
    if remember and (known := known_sha256(path)) is not None:
        return known
    before, digest = stamp(path), hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    if remember and time.time_ns() - max(before[1:3]) > SETTLED:
        text = json.dumps({"stamp": before, "sha256": digest.hexdigest()})
        keep(note_of(path), lambda note: note.write_text(text, encoding="utf-8"))
    return digest.hexdigest()


def note_of(path: Path) -> Path:
    """Where the hash of the file at that path is remembered."""
    return folder() / f"{hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:32]}.seen.json"


def stamp(path: Path) -> list[int]:
    """What changes when a file does: size, times in nanoseconds, place on the disk."""
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev]


def keep(path: Path, save: Callable[[Path], object]) -> None:
    """Write a file into the folder, whole or not at all, where the folder allows it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, save)
    except (OSError, UserError):
        pass  # the next start is as slow as this one
