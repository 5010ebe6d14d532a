"""Where the results of several pictures go: a file for one, a folder for many."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.borders.errors import UserError

SUFFIXES = (".npy", ".npz")  # of a result: the point alone, or with its noise maps
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif")


def listed(pictures: Sequence[Path]) -> list[Path]:
    """Return the pictures that are asked for; a folder gives its own, in their order. Raises UserError for none."""
    found: list[Path] = []
    for path in pictures:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURES and not p.name.startswith("."))
            if not inside:
                raise UserError(f"{path}: there is no picture in this folder: give one with {', '.join(PICTURES[:3])}")
            found += inside
        else:
            found.append(path)
    return found


def places(pictures: Sequence[Path], output: Path, noise_maps: bool) -> list[Path]:
    """Return the file of every picture's result.

    One picture goes to ``output`` where that is a .npy or .npz; otherwise ``output`` is a folder, which is made. Raises
    UserError where several pictures would go to one file.
    """
    if output.suffix.lower() in SUFFIXES and not output.is_dir():
        if len(pictures) > 1:
            raise UserError(f"-o {output}: is one file, and there are {len(pictures)} pictures: name a folder")
        if noise_maps and output.suffix.lower() == ".npy":
            raise UserError(f"-o {output}: a .npy holds the point alone: name {output.stem}.npz for noise maps, too")
        return [output]
    if output.suffix and not output.is_dir() and len(pictures) == 1:
        raise UserError(f"-o {output}: a result is a .npy, or a .npz with noise maps: name {output.stem}.npy")
    if output.exists() and not output.is_dir():
        raise UserError(f"-o {output}: is a file: name a folder for {len(pictures)} pictures")
    return named_alike(pictures, output, SUFFIXES[noise_maps])


def named_alike(pictures: Sequence[Path], folder: Path, suffix: str) -> list[Path]:
    """Return a file of ``folder`` for every picture, of its name; of two alike the second gets a number."""
    taken, found = set[str](), list[Path]()
    for picture in pictures:
        stem, number = picture.stem, 1
        while stem.casefold() in taken:
            number += 1
            stem = f"{picture.stem}-{number}"
        taken.add(stem.casefold())
        found.append(folder / f"{stem}{suffix}")
    return found


def preview_of(output: Path) -> Path:
    """Return the file of a preview, which lies beside its result."""
    return output.with_name(f"{output.stem}.preview.png")
