"""Calibrations on disk: MODEL.calibration.safetensors beside the model, or the fit kept in the user's cache folder.

A side file belongs to one checkpoint, whose SHA-256 it names: one of another model is said and left alone.
Tensors are called "RESOLUTION.field", fp16 or fp32; what equals the network's own weights may be left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from engine.borders.errors import UserError
from engine.generator.checkpoints import cache
from engine.generator.checkpoints.pickles.spans import Span
from engine.generator.checkpoints.refusals import Refused
from engine.generator.checkpoints.safetensors_files import map_state, read_header
from engine.system.files import write_whole

if TYPE_CHECKING:
    from engine.generator.backends.prepare import Prepared
    from engine.generator.calibration.calibration import Calibration

FORM = 1  # raise when the numbers mean something else, so that older files are not used
KEY = "latentvj_calibration"
SUFFIX = ".calibration.safetensors"


def beside(model: Path) -> Path:
    """Where a model's own side file lies."""
    return model.with_name(model.name.removesuffix(model.suffix) + SUFFIX)


def kept(digest: str) -> Path:
    """Where the fit of the checkpoint with that SHA-256 is kept."""
    return cache.folder() / f"{digest}-{FORM}{SUFFIX}"


def find(model: Path, digest: str, prepared: Prepared, notify: Callable[[str], None]) -> Calibration | None:
    """Return the stored calibration of a model, or None; what is wrong with a side file is told, never raised."""
    for path in (beside(model), kept(digest)):
        try:
            return read(path, digest, prepared)
        except FileNotFoundError:
            continue
        except (UserError, OSError) as error:
            notify(f"{error}; reduced pictures are fitted anew")
    return None


def read(path: Path, digest: str, prepared: Prepared) -> Calibration:
    """Read a side file. Raises UserError naming it when it is damaged or another model's."""
    import torch

    from engine.generator.calibration.calibration import Calibration, Rest, stops

    device = prepared.blocks[0].convs[0].weight.device
    try:
        with path.open("rb") as file:
            header = read_header(Span(file, 0, file.seek(0, 2)))
        about = json.loads(header.metadata.get(KEY, "null"))
        state = map_state(path)
    except (Refused, ValueError) as error:
        raise UserError(f"{path}: this calibration is damaged: delete it") from error
    if not isinstance(about, dict) or (about.get("form"), about.get("sha256")) != (FORM, digest):
        raise UserError(f"{path}: this calibration is of another model: delete it or calibrate again")
    rests = {}
    for level in stops(prepared):
        resolution = prepared.blocks[level].resolution
        if not any(name.startswith(f"{resolution}.") for name in state):
            continue
        rest = Rest.of(prepared, level)
        for name, tensor in rest.tensors().items():
            stored = state.get(f"{resolution}.{name}")
            if stored is not None and (stored.shape != tensor.shape or not torch.isfinite(stored).all()):
                raise UserError(f"{path}: this calibration is damaged: delete it")
            if stored is not None:
                tensor.copy_(stored.to(device))
        rests[resolution] = rest
    return Calibration(prepared, rests)


def write(path: Path, calibration: Calibration, digest: str, tuned: Collection[int] = ()) -> None:
    """Write a side file whole or not at all; kernels only of the stops that were ``tuned``. UserError."""
    from safetensors.torch import save_file

    state = {
        f"{resolution}.{name}": (tensor.half() if name.startswith("kernels") else tensor.float()).cpu().contiguous()
        for resolution, rest in calibration.rests.items()
        for name, tensor in rest.tensors().items()
        if resolution in tuned or not name.startswith("kernels")
    }
    about = {"format": "pt", KEY: json.dumps({"form": FORM, "sha256": digest})}
    write_whole(path, lambda part: save_file(state, part, metadata=about))


def keep(calibration: Calibration, digest: str) -> None:
    """Keep a fit for the next start, where the user's cache folder allows it."""
    cache.keep(kept(digest), lambda part: write(part, calibration, digest))
