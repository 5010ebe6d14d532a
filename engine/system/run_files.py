"""What a run reads and what it writes: no file is both, no two outputs are one, and no other run writes the same."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.borders.errors import UserError
from engine.system.part_file import in_use


@dataclass(frozen=True, slots=True)
class Use:
    """A file of a run, and what it is to the run, such as "--trace" or "the song"."""

    what: str
    path: Path


def check(targets: Sequence[Use], sources: Iterable[Use]) -> None:
    """Raise UserError where a target is one of ``sources``, is another target, or is written by another run."""
    known = {key: source for source in sources for key in keys(source.path)}
    seen: dict[object, Use] = {}
    for target in targets:
        own = keys(target.path)
        for key in own:
            if key in known:
                raise UserError(
                    f"{target.what} {target.path}: is {known[key].what} of this very run ({known[key].path}): "
                    "name another file"
                )
            if key in seen:
                raise UserError(
                    f"{target.what} {target.path}: is the file of {seen[key].what}, too: name one file for each"
                )
        seen |= dict.fromkeys(own, target)
        if own and in_use(Path(os.path.realpath(target.path))):
            raise UserError(f"{target.what} {target.path}: another run is writing this file: name another one")


def check_places(targets: Iterable[Use]) -> None:
    """Raise UserError where a target cannot be written, so that nobody waits for the end of a run to hear it."""
    for target in targets:
        path = Path(os.path.realpath(target.path))
        if path.is_dir():
            raise UserError(f"{target.what} {target.path}: is a folder: name a file in it")
        if not path.parent.is_dir():
            raise UserError(
                f"{target.what} {target.path}: there is no folder {path.parent}: make it, or choose another"
            )
        held = path if path.exists() else path.parent
        if not os.access(held, os.W_OK):
            raise UserError(f"{target.what} {target.path}: may not be written here: choose another folder")


def keys(path: Path) -> tuple[object, ...]:
    """Return what two names of one file have in common: the file itself, and its name where there is none yet.

    Links, relative paths and folders are followed. Names that differ in case only count as the same, because they are
    on many disks. A pipe or a device may be written by many, so it has no keys.
    """
    real = str(path)
    try:
        real = os.path.realpath(path)
        found = os.stat(real)
    except (OSError, ValueError):
        return (real.casefold(),)
    if not stat.S_ISREG(found.st_mode):
        return ()
    return real.casefold(), (found.st_dev, found.st_ino)
