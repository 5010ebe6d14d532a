"""Converted copies of foreign checkpoints in the user's cache folder, named by their source's content.

A copy that is damaged or of an older form is made again; a folder that cannot be written costs speed, nothing
else. `LATENTVJ_CACHE` names another folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

import platformdirs

from engine.errors import UserError
from engine.files import write_whole

FORM = 1  # raise when conversion changes, so that older copies are not used
CHUNK = 1 << 20
SETTLED = 2.0  # seconds after which a file's time stamp tells a later change apart


def folder() -> Path:
    """Where the copies lie."""
    named = os.environ.get("LATENTVJ_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("latentvj")) / "models"


def copy_of(digest: str) -> Path:
    """Where the converted copy of a source with that SHA-256 is, or would be."""
    return folder() / f"{digest}-{FORM}.safetensors"


def sha256(path: Path) -> str:
    """A file's SHA-256 as hex; remembered while the file's size, times and place on the disk stay the same."""
    note = folder() / f"{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:32]}.seen.json"
    stat = path.stat()
    stamp = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev]
    try:
        seen = json.loads(note.read_text(encoding="utf-8"))
        if seen["stamp"] == stamp and isinstance(seen["sha256"], str):
            return seen["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not seen before, or the note is damaged: it is made again
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    if time.time() - max(stat.st_mtime, stat.st_ctime) > SETTLED:
        remember(note, {"stamp": stamp, "sha256": digest.hexdigest()})
    return digest.hexdigest()


def remember(note: Path, seen: dict[str, object]) -> None:
    """Write a note for the next start, where the folder allows it."""
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        write_whole(note, lambda path: path.write_text(json.dumps(seen), encoding="utf-8"))
    except (OSError, UserError):
        pass
