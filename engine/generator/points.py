"""Where a path's points come from: seeds, files of projected w, and points kept while performing."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.borders.contracts import Model
from engine.borders.errors import UserError
from engine.system.files import as_text, is_file, write_whole
from engine.system.part_file import PartFile

KEYS = ("w", "ws", "w_plus", "latent", "latents", "projected_w", "x")  # names that projectors give to w
THUMBNAIL = 256  # pixels; the longer side of a kept point's picture
LIMIT = 2**30  # bytes; a larger file of w is refused (a thousand projections of a 1024-px model are 37 MB)

Points = NDArray[np.float32]


def points(
    model: Model, seeds: Iterable[int | str], space: str, *folders: Path, label: NDArray[np.floating] | None = None
) -> Points:
    """Return the points that seeds and files (in the first of ``folders`` that has them) name, in their order.

    [n, num_ws, w_dim], or in space "z" [n, z_dim]; a file of several points gives all. Seeds are mapped with
    ``label`` [c_dim]; a file's w has its own already.
    """
    found: list[Points] = []
    for seed in seeds:
        if isinstance(seed, int):
            z = seeds_to_z([seed], model.z_dim)
            found.append(z if space == "z" else model.map(z, None if label is None else label[None]))
            continue
        path = next((folder / seed for folder in folders if is_file(folder / seed)), folders[0] / seed)
        found.append(_load_z(path, model) if space == "z" else load(path, (model.num_ws, model.w_dim)))
    return np.concatenate(found)


def _load_z(path: Path, model: Model) -> Points:
    """Return the z [n, z_dim] in a file; a point that was kept of a model without W has its label behind z."""
    if not model.has_w and model.c_dim and count_z(path) == model.w_dim:
        return load(path, (model.w_dim,), "z")[:, : model.z_dim]
    return load(path, (model.z_dim,), "z")


def seeds_to_z(seeds: Sequence[int], z_dim: int) -> Points:
    """Return z [n, z_dim] of integer seeds, as StyleGAN's own tools draw them."""
    return np.stack([np.random.RandomState(seed).randn(z_dim) for seed in seeds]).astype(np.float32)


def load(path: Path, shape: tuple[int, ...], what: str = "w") -> Points:
    """Return the points [n, *shape] in a .npy, .npz, .pt or .safetensors file; nothing in it is ever run.

    For w, ``shape`` is (num_ws, w_dim) and the file holds [w_dim], [1, w_dim], [num_ws, w_dim] or
    [n, num_ws, w_dim]; a single w is taken for every layer. UserError says what is wrong and what would be right.
    """
    array = _read(path)
    if not np.issubdtype(array.dtype, np.floating):
        raise UserError(f"{path}: holds {array.dtype} numbers, not {what}; save it as float32")
    if not np.isfinite(array).all():
        raise UserError(f"{path}: holds numbers that are not finite; project that {what} again")
    array = array.astype(np.float32)
    if what == "z":  # DCGAN's programs keep it as maps of one pixel, [n, z_dim, 1, 1]
        while array.ndim > 1 and array.shape[-1] == 1:
            array = array[..., 0]
    given = array.shape
    dim = shape[-1]
    if len(shape) == 2 and given in ((dim,), (1, dim)):
        return np.broadcast_to(array.reshape(1, 1, dim), (1, *shape)).copy()
    if given == shape:
        return array[None]
    if given[1:] == shape and given[0] > 0:
        return array
    wanted = f"[{dim}], [{shape[0]}, {dim}] or [n, {shape[0]}, {dim}]" if len(shape) == 2 else f"[{dim}] or [n, {dim}]"
    hint = f"; it was made with a model of w_dim {given[-1]}" if given and given[-1] != dim else ""
    raise UserError(f"{path}: has shape {list(given)}, and this model wants {what} as {wanted}{hint}")


def load_one(path: Path, shape: tuple[int, ...], what: str = "w") -> Points:
    """Return the only point [1, *shape] of a file, see `load`; UserError where it holds several."""
    points = load(path, shape, what)
    if len(points) != 1:
        raise UserError(f"{path}: holds {len(points)} {what}, and one is asked for; save that one alone")
    return points


def read_array(path: Path) -> NDArray[np.floating]:
    """Return the numbers of a file of w or z in the file's own shape; UserError where there are none, or not finite."""
    array = _read(path)
    if not np.issubdtype(array.dtype, np.floating) or not array.size or not array.ndim:
        raise UserError(f"{path}: holds {array.dtype} numbers of shape {list(array.shape)}; save w or z as float32")
    if not np.isfinite(array).all():
        raise UserError(f"{path}: holds numbers that are not finite; project that again")
    return np.asarray(array)


def count_z(path: Path) -> int:
    """Return how many numbers a z in a file has; UserError where the file cannot be read."""
    shape = [size for size in _read(path).shape if size != 1]
    return shape[-1] if shape else 0


def keep(folder: Path, point: NDArray[np.floating], frame: NDArray[np.uint8] | None = None) -> Path:
    """Save a point [num_ws, w_dim] as the next keep-NNN.npy in ``folder``, with a thumbnail of ``frame`` [H,W,3|4].

    A file is written whole or not at all, and never over another one, even where two programs keep points at once. A
    preset names it among its seeds.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside = PartFile(folder / "keep.npy")
        try:
            with aside.part.open("wb") as file:
                np.save(file, np.asarray(point, dtype=np.float32), allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
            path = _name_new(aside.part, folder)
        finally:
            aside.discard()
    except OSError as error:
        raise UserError(f"{folder}: cannot keep the point there: {error.strerror or error}") from error
    if frame is not None:
        _draw_thumbnail(path.with_suffix(".png"), frame)
    return path


def _name_new(aside: Path, folder: Path) -> Path:
    """Give a finished file the next name that nobody has; a file system without links is trusted to have one user."""
    taken = (re.fullmatch(r"keep-(\d+)", p.stem) for p in folder.iterdir())
    for number in count(max((int(m[1]) for m in taken if m), default=0) + 1):
        path = folder / f"keep-{number:03d}.npy"
        try:
            path.hardlink_to(aside)
        except FileExistsError:
            continue
        except (OSError, NotImplementedError):
            if path.exists():
                continue
            aside.rename(path)
        return path
    raise AssertionError("numbers do not end")


def _draw_thumbnail(path: Path, frame: NDArray[np.uint8]) -> None:
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(frame[..., :3]))
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    write_whole(path, lambda temporary: picture.save(temporary, format="PNG"))


def _read(path: Path) -> NDArray[Any]:
    """Return the one array in a file; UserError when it is not there or not understood."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(f"{path}: not a file of w; these are: {', '.join(SUFFIXES)}")
    try:
        if path.stat().st_size > LIMIT:
            raise UserError(f"{path}: {path.stat().st_size >> 20} MB is no file of w")
        return _READERS[suffix](path)
    except OSError as error:
        raise UserError(f"{path}: cannot read it: {error.strerror or error}") from error


def _read_npy(path: Path) -> NDArray[Any]:
    try:
        with path.open("rb") as file:
            return np.asarray(np.lib.format.read_array(file, allow_pickle=False))
    except (ValueError, EOFError, MemoryError) as error:
        raise UserError(f"{path}: not a plain .npy array of numbers; save it with numpy.save") from error


def _read_npz(path: Path) -> NDArray[Any]:
    import zipfile

    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return np.asarray(_pick(path, file))
    except (ValueError, EOFError, MemoryError, zipfile.BadZipFile, KeyError) as error:
        raise UserError(f"{path}: not a plain .npz of arrays of numbers; save it with numpy.savez") from error


def _read_pt(path: Path) -> NDArray[Any]:
    import pickle

    import torch

    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise UserError(f"{path}: not a plain file of tensors; save w alone with torch.save") from error
    while isinstance(held, dict):
        held = _pick(path, held)
    if isinstance(held, list | tuple) and held and all(isinstance(t, torch.Tensor) for t in held):
        held = torch.stack(list(held)) if len({t.shape for t in held}) == 1 else None
    if not isinstance(held, torch.Tensor):
        raise UserError(f"{path}: holds no tensor of w; save w alone with torch.save")
    return np.asarray(held.detach().float().numpy() if held.is_floating_point() else held.numpy())


def _read_safetensors(path: Path) -> NDArray[Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        with as_text(path) as name:
            held = _pick(path, load_file(name))
    except SafetensorError as error:
        raise UserError(f"{path}: not a whole safetensors file; save it again") from error
    return np.asarray(held.float().numpy() if held.is_floating_point() else held.numpy())


def _pick(path: Path, held: Mapping[Any, Any]) -> Any:
    """Return what a dictionary of arrays means by w: the only entry, or the one with a projector's name for it."""
    keys = list(held)
    if len(keys) == 1:
        return held[keys[0]]
    for key in KEYS:
        if key in keys:
            return held[key]
    raise UserError(f"{path}: holds {', '.join(map(str, keys[:6])) or 'nothing'}; name the one that is w 'w'")


_READERS: Mapping[str, Callable[[Path], NDArray[Any]]] = {
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".pt": _read_pt,
    ".safetensors": _read_safetensors,
}
SUFFIXES = tuple(_READERS)
