"""Files: read, fingerprinted, and written whole or not at all, so that a failure halfway loses nothing."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec

from engine.borders.errors import UserError

P = ParamSpec("P")


def write_whole(path: Path, save: Callable[Concatenate[Path, P], object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Call ``save(temporary, *args, **kwargs)`` for a file beside ``path``, flush it to disk and rename it to ``path``.

    Raises UserError, which names ``path``, when it cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(suffix=path.suffix, prefix=f".{path.stem}-", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise UserError(f"{path}: cannot write there: {error.strerror}") from error
    temporary = Path(name)
    try:
        save(temporary, *args, **kwargs)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        # mkstemp makes a private file; the permissions of a saved file follow the user's umask.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"{path}: cannot write it: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


def read_text(path: Path, what: str) -> str:
    """Return the text of ``path``. Raises UserError when it cannot be read; ``what`` names it, as in "the preset"."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not UTF-8 text"
        raise UserError(f"{path}: cannot read {what}: {reason}") from error


def fingerprint(path: Path) -> str:
    """Return a digest of a file's contents: blake2b, 16 bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
