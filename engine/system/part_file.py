"""A file under a temporary name beside its target: it replaces the target when it is complete, or nothing stays.

The name is hidden and ends in ``.vj.part`` (and the target's suffix). A lock marks it as in use. The system releases
the lock when the process ends, however that happens, so a part without a lock is a killed run's.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from pathlib import Path

from engine.borders.errors import UserError

NAME = re.compile(r"\.(?P<target>.+)\.\d+(-\d+)?\.vj\.part(\.[^.]*)?")
LONGEST = 150  # bytes of the target's name within the temporary one; file systems take 255


class PartFile:
    """A file with a temporary name beside its target, which it replaces when it is complete."""

    def __init__(self, path: Path) -> None:
        """Create the temporary file for ``path``. Raises UserError if the folder or the target cannot be written."""
        self.path = Path(os.path.realpath(path))  # a link stays, and its target is replaced
        if self.path.exists() and not self.path.is_file():
            raise UserError(f"{path}: is not a file: choose another name")
        try:
            self.part, self._lock = _create(self.path)
        except OSError as error:
            raise UserError(f"{path}: cannot write there ({error.strerror}): choose another folder") from error

    def keep(self, path: Path | None = None) -> None:
        """Replace the target, or ``path``, with the complete file; a power cut leaves the old one or the new one."""
        target = self.path if path is None else path
        with self.part.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(self.part, target)
        if os.name == "posix":
            folder = os.open(target.parent, os.O_RDONLY)
            try:
                with contextlib.suppress(OSError):  # some file systems cannot flush a folder
                    os.fsync(folder)
            finally:
                os.close(folder)
        self._release()

    def discard(self) -> None:
        """Remove the temporary file; a second call does nothing."""
        with contextlib.suppress(OSError):
            self.part.unlink(missing_ok=True)
        self._release()

    def _release(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)


def _create(target: Path) -> tuple[Path, int | None]:
    """Create a temporary file for ``target`` with the permissions of a new file; return it and its locked handle."""
    stem = os.fsdecode(os.fsencode(target.name)[:LONGEST])
    for number in itertools.count():
        again = f"-{number}" if number else ""
        part = target.with_name(f".{stem}.{os.getpid()}{again}.vj.part{target.suffix[:20]}")
        with contextlib.suppress(FileExistsError):
            handle = os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
            break
    if os.name != "posix":
        os.close(handle)  # Windows replaces no file that is open
        return part, None
    lock(handle)
    return part, handle


def lock(handle: int) -> bool | None:
    """Lock an open file for this process: False where another one has it, None where files cannot be locked."""
    if os.name != "posix":
        return None
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def in_use(path: Path) -> bool:
    """Return whether another run writes ``path``, or a part of it, at present."""
    with contextlib.suppress(OSError):
        return any(_locked(each) for each in (path, *parts_of(path)) if each.is_file())
    return False


def parts_of(path: Path) -> list[Path]:
    """Return the temporary files of ``path``."""
    stem = os.fsdecode(os.fsencode(path.name)[:LONGEST])
    found = ((NAME.fullmatch(name), name) for name in os.listdir(path.parent))
    return [path.with_name(name) for match, name in found if match and match["target"] == stem]


def remove_parts(folder: Path) -> list[Path]:
    """Remove the temporary files that killed runs left in ``folder``; return them."""
    removed: list[Path] = []
    with contextlib.suppress(OSError):
        for name in filter(NAME.fullmatch, os.listdir(folder)):
            part = folder / name
            with contextlib.suppress(OSError):
                if part.is_file() and not part.is_symlink() and _locked(part) is False:
                    part.unlink()
                    removed.append(part)
    return removed


def _locked(path: Path) -> bool | None:
    """Return whether a process has a file locked; None where that cannot be told."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        free = lock(handle)
        return None if free is None else not free
    finally:
        os.close(handle)
