"""Pictures that are not square from a model that is: a wider constant to begin with, and noise to match.

Every convolution works at any width; only the learned constant and the stored noise have a size.
The model's own square stays in the middle; only what flows in from its new neighbours changes it.
"""

from __future__ import annotations

from fractions import Fraction

import torch
from torch import Tensor

from engine.borders.errors import UserError
from engine.generator.networks.network import Network


def const_shape(aspect: Fraction, side: int = 4) -> tuple[int, int]:
    """Return (height, width) of the constant: at least as wide as asked, even on both sides of the middle.

    The picture is up to 2 columns of the constant wider than the aspect; `cut` removes the rest (16:9 is cut from
    2:1).
    """
    wide = max(aspect, 1 / aspect)
    long = side + 2 * -(-(wide - 1) * side // 2)
    return (side, int(long)) if aspect >= 1 else (int(long), side)


def reshape(network: Network, aspect: Fraction, fill: str = "mirror") -> Network:
    """Return a network that paints at least this aspect (width / height), sharing all other weights with this one.

    ``fill`` says what lies beside the square: its mirror image, itself again, or, "stretch", the constant itself
    drawn out. UserError for a family that has one shape, and for a model that is not square to begin with.
    """
    if not network.can_widen:
        raise UserError(f"--aspect: a {network.title} model paints its own shape only; --fit crop fills a wide window")
    height, width = network.const_shape
    if height != width:
        raise UserError("--aspect: this model is not square already; leave it out")
    return network.widened(const_shape(aspect, height), fill)


def cut(image: Tensor, aspect: Fraction | None, dim: int) -> Tensor:
    """Return the middle of ``image``, height at ``dim`` and width after it, of exactly this aspect; None: all of it."""
    if aspect is None:
        return image
    height, width = image.shape[dim : dim + 2]
    rows, columns = min(height, round(width / aspect)), min(width, round(height * aspect))
    rows, columns = rows - (height - rows) % 2, columns - (width - columns) % 2  # as much on either side
    return image.narrow(dim, (height - rows) // 2, rows).narrow(dim + 1, (width - columns) // 2, columns)


def grow(x: Tensor, height: int, width: int, fill: str) -> Tensor:
    """Return [C, height, width] with x [C, h, w] in the middle."""
    if fill == "stretch":
        mode = {"mode": "bicubic", "align_corners": False}
        return torch.nn.functional.interpolate(x[None].float(), (height, width), **mode)[0].to(x.dtype)  # type: ignore[arg-type]
    for dim, size in ((1, height), (2, width)):
        at = torch.arange(size, device=x.device) - (size - x.shape[dim]) // 2
        period = x.shape[dim] * (2 if fill == "mirror" else 1)
        at = at % period
        x = x.index_select(dim, torch.where(at < x.shape[dim], at, period - 1 - at))
    return x.contiguous()
