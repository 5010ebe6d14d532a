"""What tells attributes of pictures: our recogniser, anybody's TorchScript or ONNX classifier, or a CSV of scores."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.borders.errors import UserError
from engine.generator.attributes.attribute import check_name
from engine.generator.perceptual.names import ATTRIBUTES
from engine.generator.perceptual.recogniser import shipped

OURS = "ours"  # the word for the recogniser of fruit that comes with the engine
BATCH = 100  # pictures recognised at a time


@dataclass(frozen=True, slots=True)
class Told:
    """What a teacher tells of a batch: ``scores`` [N, K], and ``identity`` [N, D] of length 1."""

    scores: Tensor
    identity: Tensor


@dataclass(frozen=True, slots=True)
class Teacher:
    """``tell`` takes pictures [N, 3, R, R], about -1..1. Gradients pass through it where ``is_smooth``."""

    names: tuple[str, ...]
    tell: Callable[[Tensor], Told]
    is_smooth: bool
    origin: str


def open_teacher(recogniser: str, names: Sequence[str], side: int) -> Teacher:
    """Open ``recogniser``: "ours", a TorchScript file, or an ONNX file with pictures of ``side`` px.

    ``names`` are those of its outputs, in their order; ours has its own. UserError on what cannot be read.
    """
    if recogniser == OURS:
        return _ours()
    path, checked = Path(recogniser), tuple(check_name(name, "--names") for name in names)
    if not checked:
        raise UserError(f"--recogniser {path}: say with --names what its outputs are called")
    if not path.exists():
        raise UserError(f"--recogniser {path}: there is no such file")
    tell = _onnx(path, side) if path.suffix.lower() == ".onnx" else _torchscript(path, side)
    teacher = Teacher(checked, _identified(tell), path.suffix.lower() != ".onnx", path.name)
    try:
        told = teacher.tell(torch.zeros(1, 3, 64, 64)).scores
    except Exception as error:
        raise UserError(f"--recogniser {path}: cannot tell of a picture: {_first_line(error)}") from error
    if told.shape != (1, len(checked)):
        raise UserError(f"--recogniser {path}: tells {tuple(told.shape[1:])} numbers; --names has {len(checked)}")
    return teacher


def told_of(teacher: Teacher, pictures: Sequence[Tensor]) -> Told:
    """Tell of many pictures, batch by batch, without gradients."""
    with torch.no_grad():
        found = [teacher.tell(batch) for batch in pictures]
    return Told(torch.cat([one.scores for one in found]), torch.cat([one.identity for one in found]))


def read_csv(path: Path) -> tuple[tuple[str, ...], list[int], Tensor]:
    """Read a CSV whose column ``seed`` names pictures and whose other columns are attributes.

    Returns the names, the seeds, and the scores [N, K]. UserError names the file and the line.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"--recogniser {path}: cannot read it: {error}") from error
    if len(rows) < 2 or "seed" not in rows[0] or len(rows[0]) < 2:
        raise UserError(f"--recogniser {path}: needs a line of names (seed, and an attribute or more) and pictures")
    names = tuple(name for name in rows[0] if name != "seed")
    seeds, scores = [], []
    for line, row in enumerate(rows, 2):
        try:
            seeds.append(int(row["seed"]))
            scores.append([float(row[name]) for name in names])
        except (TypeError, ValueError):
            raise UserError(f"--recogniser {path}, line {line}: not a seed and {len(names)} numbers") from None
    return tuple(check_name(name, str(path)) for name in names), seeds, torch.tensor(scores)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _ours() -> Teacher:
    recogniser = shipped()

    def tell(picture: Tensor) -> Told:
        found = recogniser.recognise(picture)
        return Told(found.attributes, found.identity)

    return Teacher(ATTRIBUTES, tell, True, "recogniser of fruit")


def _identified(tell: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Told]:
    """Add an identity to a classifier that has none: the maps of our recogniser, coarsely."""
    recogniser = shipped()

    def both(picture: Tensor) -> Told:
        maps = recogniser.features(F.interpolate(picture, size=(64, 64), mode="area"))[2:]
        seen = torch.cat([F.adaptive_avg_pool2d(one, 2).flatten(1) for one in maps], 1)
        return Told(tell(picture), F.normalize(seen, dim=1))

    return both


def _torchscript(path: Path, side: int) -> Callable[[Tensor], Tensor]:
    try:
        module = torch.jit.load(str(path), map_location="cpu").eval()  # type: ignore[no-untyped-call]
    except (RuntimeError, OSError, ValueError) as error:
        raise UserError(f"--recogniser {path}: neither TorchScript nor ONNX") from error

    def tell(picture: Tensor) -> Tensor:
        sized = F.interpolate(picture, size=(side, side), mode="bilinear", align_corners=False)
        answer: Tensor = module(sized)
        return answer.float().flatten(1)

    return tell


def _onnx(path: Path, side: int) -> Callable[[Tensor], Tensor]:
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(f"--recogniser {path}: needs onnxruntime (pip install onnxruntime)") from error
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:
        raise UserError(f"--recogniser {path}: cannot be opened: {_first_line(error)}") from error
    entry = session.get_inputs()[0].name

    def tell(picture: Tensor) -> Tensor:
        sized = F.interpolate(picture, size=(side, side), mode="bilinear", align_corners=False)
        one = session.run(None, {entry: np.ascontiguousarray(sized.detach().numpy())})[0]
        return torch.from_numpy(np.asarray(one, np.float32)).flatten(1)

    return tell
