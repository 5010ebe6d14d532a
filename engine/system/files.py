"""Files: found, read, fingerprinted, and written whole or not at all, so that a failure halfway loses nothing.

`part_file` has the temporary files, `line_file` the files that grow line by line, `watched_file` those that are read
again when they are saved, and `run_files` keeps what a run writes apart from what it reads.
"""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Concatenate, ParamSpec

from engine.borders.errors import UserError
from engine.system.part_file import PartFile

P = ParamSpec("P")


def write_whole(path: Path, save: Callable[Concatenate[Path, P], object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Call ``save(temporary, ...)`` for a file beside ``path``, flush it to disk and rename it to ``path``.

    Raises UserError, which names ``path``, when it cannot be written.
    """
    part = PartFile(path)
    try:
        save(part.part, *args, **kwargs)
        part.keep()
    except OSError as error:
        raise UserError(f"{path}: cannot write it: {error.strerror or error}") from error
    finally:
        part.discard()


def read_text(path: Path, what: str) -> str:
    """Return the text of ``path``, without the mark that some editors begin a file with.

    Raises UserError when it cannot be read; ``what`` names it, as in "the preset".
    """
    try:
        return decoded(path.read_bytes())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not UTF-8 text"
        raise UserError(f"{path}: cannot read {what}: {reason}") from error


def decoded(data: bytes) -> str:
    """Return the text of a file's bytes: UTF-8, or UTF-16 that says so. Line ends become those of this program."""
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = data.decode("utf-16" if marked else "utf-8-sig")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def fingerprint(path: Path) -> str:
    """Return a digest of a file's contents: blake2b, 16 bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def expanded(text: str | Path) -> Path:
    """Return the path that a user means by ``text``: ``~`` is the home folder."""
    return Path(os.path.expanduser(text))


def is_path(text: str) -> bool:
    """Return whether ``text`` is a path rather than a name: it has a folder, or begins with ``~``."""
    return "/" in text or os.sep in text or text.startswith("~")


def is_file(path: str | Path) -> bool:
    """Return whether there is such a file; one with a name that cannot be, or behind a closed folder, is none.

    Path.is_file raises for both until Python 3.13.
    """
    return os.path.isfile(path)


def beside(text: str, file: Path) -> Path:
    """Return the path that ``file`` means by ``text``: a relative one lies in the folder of ``file``."""
    return Path(os.path.abspath(file.parent / expanded(text)))


def media(path: Path) -> str:
    """Return the name under which FFmpeg opens ``path``: without ``file:`` it takes "Band: Song" for a protocol."""
    return f"file:{path}"


@contextlib.contextmanager
def as_text(path: Path) -> Iterator[str]:
    """Yield a name of the file ``path`` for libraries that take text only: a file's name may hold any bytes."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        handle = os.open(path, os.O_RDWR | os.O_CREAT if not path.exists() or os.access(path, os.W_OK) else os.O_RDONLY)
        try:
            yield f"/dev/fd/{handle}"
        finally:
            os.close(handle)
    else:
        yield str(path)
