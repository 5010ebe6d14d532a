"""Adaptive discriminator augmentation: it keeps a GAN from memorising a small data set.

Written from Karras et al., arXiv:2006.06676 (section 2.2, appendix B): pixel blitting, general geometric and colour
transformations, each with probability p, on everything the discriminator sees; p follows how sure it is of the
training pictures (`Controller`). All transformations of one kind are composed into one matrix; p = 0 is the
identity, bit for bit. Differentiable once: R1 is taken on the augmented pictures, which are what the
discriminator sees.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.generator.networks.layers import fir_kernel, upfirdn, upsample2

TARGET = 0.6  # the paper's target for r_t
LUMA = 1 / math.sqrt(3)


@dataclass(slots=True)
class Controller:
    """Moves p by the sign of r_t - TARGET, at such a pace that it goes from 0 to 1 in ``images`` pictures."""

    images: float = 500_000.0
    p: float = 0.0
    signs: float = 0.0  # of the discriminator's answers to training pictures, since the last change
    count: float = 0.0
    last: float = 0.0  # r_t at the last change

    def see(self, signs: float, count: float) -> None:
        """Note the sum of ``count`` signs."""
        self.signs += signs
        self.count += count

    def adjust(self, images: float) -> None:
        """Move p after ``images`` more pictures."""
        if self.count:
            self.last = self.signs / self.count
            step = images / self.images
            self.p = min(max(self.p + math.copysign(step, self.last - TARGET), 0.0), 1.0)
            self.signs = self.count = 0.0


def eye(n: int, size: int, like: Tensor) -> Tensor:
    """Return n identity matrices."""
    return torch.eye(size, device=like.device).repeat(n, 1, 1)


class Draw:
    """Random numbers of one batch [n], each parameter from its own column, so that a share of it is a slice."""

    def __init__(self, generator: torch.Generator, total: int, mine: slice, device: torch.device) -> None:
        self.uniform = torch.rand(total, 32, generator=generator, device=generator.device)[mine].to(device)
        self.normal = torch.randn(total, 8, generator=generator, device=generator.device)[mine].to(device)
        self._used = [0, 0]

    def column(self) -> Tensor:
        """Uniform 0..1."""
        self._used[0] += 1
        return self.uniform[:, self._used[0] - 1]

    def bell(self, deviation: float) -> Tensor:
        """Normal of that deviation."""
        self._used[1] += 1
        return self.normal[:, self._used[1] - 1] * deviation

    def maybe(self, value: Tensor, otherwise: float, p: float) -> Tensor:
        """``value`` with probability p, else ``otherwise``."""
        return torch.where(self.column() < p, value, torch.full_like(value, otherwise))


def scaling(x: Tensor, y: Tensor) -> Tensor:
    """2-D scaling matrices [n, 3, 3]."""
    m = eye(len(x), 3, x)
    m[:, 0, 0], m[:, 1, 1] = x, y
    return m


def rotation(angle: Tensor) -> Tensor:
    """2-D rotation matrices [n, 3, 3]; radians."""
    m = eye(len(angle), 3, angle)
    m[:, 0, 0], m[:, 0, 1] = angle.cos(), -angle.sin()
    m[:, 1, 0], m[:, 1, 1] = angle.sin(), angle.cos()
    return m


def translation(x: Tensor, y: Tensor) -> Tensor:
    """2-D translation matrices [n, 3, 3]; half pictures."""
    m = eye(len(x), 3, x)
    m[:, 0, 2], m[:, 1, 2] = x, y
    return m


def blit(draw: Draw, p: float, resolution: int) -> Tensor:
    """Flips, quarter turns and shifts by whole pixels: [n, 3, 3]."""
    flip = draw.maybe(1 - 2 * (draw.column() * 2).floor(), 1.0, p)
    turns = draw.maybe((draw.column() * 4).floor(), 0.0, p)
    reach = 0.125 * resolution
    shift_x, shift_y = (((draw.column() * 2 - 1) * reach).round() * 2 / resolution for _ in range(2))
    moved = (draw.column() < p).float()
    quarter = rotation(turns * (math.pi / 2))
    return scaling(flip, torch.ones_like(flip)) @ quarter @ translation(shift_x * moved, shift_y * moved)


def geometry(draw: Draw, p: float) -> Tensor:
    """Scales, turns, squeezes and shifts of any amount: [n, 3, 3]."""
    half = 1 - math.sqrt(1 - p)  # two turns, either with this probability, make one with p
    whole = draw.maybe(torch.exp2(draw.bell(0.2)), 1.0, p)
    first = draw.maybe((draw.column() * 2 - 1) * math.pi, 0.0, half)
    squeeze = draw.maybe(torch.exp2(draw.bell(0.2)), 1.0, p)
    second = draw.maybe((draw.column() * 2 - 1) * math.pi, 0.0, half)
    moved = (draw.column() < p).float()
    shift = translation(draw.bell(0.125) * 2 * moved, draw.bell(0.125) * 2 * moved)
    return scaling(whole, whole) @ rotation(first) @ scaling(squeeze, 1 / squeeze) @ rotation(second) @ shift


def colour(draw: Draw, p: float) -> Tensor:
    """Brightness, contrast, luma flip, hue and saturation, composed: [n, 4, 4] acting on (r, g, b, 1)."""
    axis = torch.tensor([LUMA, LUMA, LUMA, 0.0], device=draw.uniform.device)
    outer = torch.outer(axis, axis)
    n = len(draw.uniform)
    m, one = eye(n, 4, draw.uniform), eye(n, 4, draw.uniform)
    m[:, :3, 3] = draw.maybe(draw.bell(0.2), 0.0, p)[:, None]
    contrast = draw.maybe(torch.exp2(draw.bell(0.5)), 1.0, p)
    grow = one * contrast[:, None, None]
    grow[:, 3, 3] = 1.0
    flip = draw.maybe((draw.column() * 2).floor(), 0.0, p)
    turn = draw.maybe((draw.column() * 2 - 1) * math.pi, 0.0, p)
    hue = one * turn.cos()[:, None, None] + _cross(axis) * turn.sin()[:, None, None]
    hue = hue + outer * (1 - turn.cos())[:, None, None]
    hue[:, 3, 3] = 1.0
    rich = draw.maybe(torch.exp2(draw.bell(1.0)), 1.0, p)
    saturation = outer + (one - outer) * rich[:, None, None]
    saturation[:, 3, 3] = 1.0
    return saturation @ hue @ (one - 2 * outer * flip[:, None, None]) @ grow @ m


def _cross(axis: Tensor) -> Tensor:
    """The cross product with ``axis`` as a matrix (Rodrigues)."""
    x, y, z = axis[:3].tolist()
    m = torch.zeros(4, 4, device=axis.device)
    m[:3, :3] = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return m


def warp(img: Tensor, matrix: Tensor) -> Tensor:
    """Sample img [N,C,R,R] where ``matrix`` [N,3,3] sends each pixel, mirrored at the borders.

    Sampled at twice the size between two low-pass filters, so that turning costs no sharpness and leaves no steps.
    """
    side = img.shape[-1]
    taps = fir_kernel((1.0, 3.0, 3.0, 1.0)).to(img.device)
    fine = upsample2(F.pad(img, (2, 2, 2, 2), mode="reflect"), taps)[:, :, 4:-4, 4:-4]
    grid = F.affine_grid(matrix[:, :2], [len(img), img.shape[1], 2 * side, 2 * side], align_corners=False)
    fine = F.grid_sample(fine, grid.to(fine.dtype), "bilinear", "reflection", align_corners=False)
    return upfirdn(F.pad(fine, (1, 1, 1, 1), mode="reflect"), taps, 1, (0, 0, 0, 0))[:, :, ::2, ::2]


def augment(img: Tensor, p: float, generator: torch.Generator, total: int, mine: slice) -> Tensor:
    """Augment this process's share ``mine`` of a batch of ``total`` pictures: img [N,3,R,R] of either kind."""
    if p <= 0:
        return img
    draw = Draw(generator, total, mine, img.device)
    placed = blit(draw, p, img.shape[-1]) @ geometry(draw, p)
    m = colour(draw, p)
    still = (placed == eye(len(placed), 3, placed)).all(dim=(1, 2))
    img = torch.where(still[:, None, None, None], img, warp(img, placed))
    if img.shape[1] == 1:
        gain, shift = m[:, :3, :3].sum(dim=(1, 2)) / 3, m[:, :3, 3].mean(dim=1)
        return img * gain[:, None, None, None] + shift[:, None, None, None]
    flat = torch.einsum("nij,njp->nip", m[:, :3, :3], img.flatten(2)) + m[:, :3, 3:]
    return flat.view(img.shape)
