"""Files: read, told apart, and written whole or not at all, so that a failure halfway loses nothing of the user's."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from engine.borders.errors import UserError


def write_whole(path: Path, save: Callable[[Path], object]) -> None:
    """Call ``save(temporary)`` beside ``path``, flush it to disk, then rename; UserError when it cannot be."""
    try:
        handle, name = tempfile.mkstemp(suffix=path.suffix, prefix=f".{path.stem}-", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise UserError(f"{path}: cannot write there: {error.strerror}") from error
    temporary = Path(name)
    try:
        save(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        # mkstemp makes files private; what a user saves follows the user's own umask.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"{path}: cannot write it: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


def read_text(path: Path, what: str) -> str:
    """Return a file's text; UserError when it cannot be read. ``what`` names it: "the preset"."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not UTF-8 text"
        raise UserError(f"{path}: cannot read {what}: {reason}") from error


def fingerprint(path: Path) -> str:
    """Return a digest of a file's contents."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
