"""Pictures in tar files, as WebDataset lays them out: shards of files whose names group what belongs together."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.borders.errors import UserError

SUFFIX = ".tar"


@dataclass(frozen=True, slots=True)
class Member:
    """Where a file lies in a tar: it is read from there without the tar's index."""

    tar: Path
    begin: int  # bytes
    size: int


def shards_of(path: Path) -> list[Path]:
    """Return the tar files that ``path`` stands for: itself, or those in the folder; none where it is another kind."""
    if path.is_dir():
        return sorted(path.glob(f"*{SUFFIX}"))
    return [path] if path.suffix.lower() == SUFFIX else []


def members(tars: Sequence[Path]) -> dict[str, Member]:
    """Return the files in ``tars`` by "TAR/NAME"; UserError names a tar that cannot be read to its end."""
    found: dict[str, Member] = {}
    for path in tars:
        try:
            with tarfile.open(path, "r:") as tar:  # not compressed: a picture is read from where it lies
                for entry in tar:
                    if entry.isfile():
                        found[f"{path.name}/{entry.name}"] = Member(path, entry.offset_data, entry.size)
        except (tarfile.TarError, OSError) as error:
            raise UserError(
                f"{path}: no readable tar ({error}): a shard is whole and not compressed; fetch it again"
            ) from error
    return found


def read(member: Member) -> bytes:
    """Return a file's contents; OSError where they cannot be read."""
    with member.tar.open("rb") as file:
        file.seek(member.begin)
        return file.read(member.size)
