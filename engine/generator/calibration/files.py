"""Calibration files: MODEL.calibration.safetensors beside the model, or a fit in the user's cache folder.

A side file belongs to one checkpoint and holds its SHA-256; the file of another model is reported and not used. Its
tensors are called "RESOLUTION.field" and are fp16 or fp32. A tensor that equals the network's own may be left out.
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
from engine.system.files import as_text, write_whole

if TYPE_CHECKING:
    from engine.generator.backends.prepare import Prepared
    from engine.generator.calibration.calibration import Calibration

FORM = 1  # of a file; raise it when the meaning of the numbers changes, so that older files are not used
KEY = "latentvj_calibration"
SUFFIX = ".calibration.safetensors"


def beside(model: Path) -> Path:
    """Return the path of a model's side file."""
    return model.with_name(model.name.removesuffix(model.suffix) + SUFFIX)


def kept(digest: str) -> Path:
    """Return the path in the cache of the fit for the checkpoint with that SHA-256."""
    return cache.folder() / f"{digest}-{FORM}{SUFFIX}"


def find(model: Path, digest: str, prepared: Prepared, notify: Callable[[str], None]) -> Calibration | None:
    """Return the stored calibration of a model, or None; ``notify`` gets a line about a file that cannot be used."""
    for path in (beside(model), kept(digest)):
        try:
            return read(path, digest, prepared)
        except FileNotFoundError:
            continue
        except (UserError, OSError) as error:
            notify(f"{error}; reduced pictures are fitted anew")
    return None


def read(path: Path, digest: str, prepared: Prepared) -> Calibration:
    """Read a side file. Raises UserError, which names it, when it is damaged or belongs to another model."""
    import torch

    from engine.generator.calibration.calibration import stops
    from engine.generator.calibration.fit import blank

    made = blank(prepared)
    try:
        with path.open("rb") as file:
            header = read_header(Span(file, 0, file.seek(0, 2)))
        about = json.loads(header.metadata.get(KEY, "null"))
        state = map_state(path)
    except (Refused, ValueError) as error:
        raise UserError(f"{path}: this calibration is damaged: delete it") from error
    if not isinstance(about, dict) or (about.get("form"), about.get("sha256")) != (FORM, digest):
        raise UserError(f"{path}: this calibration is of another model: delete it or calibrate again")
    for level in stops(prepared):
        resolution = prepared.network.resolutions[level]
        if not any(name.startswith(f"{resolution}.") for name in state):
            continue
        for name, tensor in made.rest(prepared, level).tensors().items():
            stored = state.get(f"{resolution}.{name}")
            if stored is not None and (stored.shape != tensor.shape or not torch.isfinite(stored).all()):
                raise UserError(f"{path}: this calibration is damaged: delete it")
            if stored is not None:
                tensor.copy_(stored.to(made.device))
    return made


def write(path: Path, calibration: Calibration, digest: str, tuned: Collection[int] = ()) -> None:
    """Write a side file, whole or not at all; only the ``tuned`` stops get kernels. Raises UserError on failure."""
    from safetensors.torch import save_file

    state = {
        f"{resolution}.{name}": (tensor.half() if name.startswith("kernels") else tensor.float()).cpu().contiguous()
        for resolution, rest in calibration.rests.items()
        for name, tensor in rest.tensors().items()
        if resolution in tuned or not name.startswith("kernels")
    }
    about = {"format": "pt", KEY: json.dumps({"form": FORM, "sha256": digest})}

    def save(part: Path) -> None:
        with as_text(part) as name:
            save_file(state, name, metadata=about)

    write_whole(path, save)


def keep(calibration: Calibration, digest: str) -> None:
    """Store a fit in the cache for the next start; a failure is ignored."""
    cache.keep(kept(digest), write, calibration, digest)
