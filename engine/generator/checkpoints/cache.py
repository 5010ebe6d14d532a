"""Converted copies of foreign checkpoints, in the user's cache folder.

A copy is named by the SHA-256 of its source. A damaged copy, or one of an older form, is made again. Without a
writable folder everything works, but more slowly. `LATENTVJ_CACHE` names another folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec

import platformdirs

from engine.borders.errors import UserError
from engine.system.files import write_whole

FORM = 1  # of a copy; raise it when the conversion changes, so that older copies are not used
CHUNK = 1 << 20  # bytes; read at once
SETTLED = 2_000_000_000  # nanoseconds; age of a time stamp from which a later change of the file gives another stamp

P = ParamSpec("P")


def folder() -> Path:
    """Return the folder of the copies."""
    named = os.environ.get("LATENTVJ_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("latentvj")) / "models"


def copy_of(digest: str) -> Path:
    """Return the path of the converted copy of a source with that SHA-256; it need not exist."""
    return folder() / f"{digest}-{FORM}.safetensors"


def known_sha256(path: Path) -> str | None:
    """Return a file's SHA-256 from an earlier start, or None when its size, times or place on the disk changed."""
    try:
        seen = json.loads(note_of(path).read_text(encoding="utf-8"))
        is_same = seen["stamp"] == stamp(path) and isinstance(seen["sha256"], str)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None  # the file is new, or its note is damaged and will be made again
    return str(seen["sha256"]) if is_same and re.fullmatch("[0-9a-f]{64}", seen["sha256"]) else None


def sha256(path: Path, *, remember: bool = True) -> str:
    """Return a file's SHA-256 in hex; with `remember` it is stored for the next start, and an earlier one is used."""
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
    """Return the path of the note that stores the hash of the file at `path`."""
    return folder() / f"{hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:32]}.seen.json"


def stamp(path: Path) -> list[int]:
    """Return what changes when the file does: its size, times in nanoseconds, and place on the disk."""
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev]


def keep(path: Path, save: Callable[Concatenate[Path, P], object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Write a file of the cache, whole or not at all; a failure is ignored."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, save, *args, **kwargs)
    except (OSError, UserError):
        pass  # then the next start is as slow as this one
