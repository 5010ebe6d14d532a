"""Figures of pictures against pictures: sliced Wasserstein distance, Fréchet distance, perceptual distance.

Sliced Wasserstein: Karras et al., arXiv:1710.10196, section 5 (7x7 patches of a Laplacian pyramid, each channel
normalised, projected on random directions, sorted). Fréchet: Heusel et al., arXiv:1706.08500. Perceptual: LPIPS,
Zhang et al., arXiv:1801.03924, with weights given by path; without them a measure of our own, see `structure`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

PATCH = 7
SMALLEST = 16  # pixels; size of the pyramid's last level
BINOMIAL = (1.0, 4.0, 6.0, 4.0, 1.0)

Matrix = npt.NDArray[np.float64]


def blur(x: Tensor) -> Tensor:
    """[N,C,H,W] through the pyramid's 5x5 binomial filter, mirrored at the borders."""
    taps = torch.tensor(BINOMIAL, dtype=x.dtype) / sum(BINOMIAL)
    kernel = torch.outer(taps, taps).expand(x.shape[1], 1, 5, 5)
    return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), kernel, groups=x.shape[1])


def laplacian(x: Tensor) -> list[Tensor]:
    """The bands of [N,C,R,R]: R, R/2, … SMALLEST; the last holds what is left."""
    bands = []
    while x.shape[-1] > SMALLEST:
        small = blur(x)[:, :, ::2, ::2]
        grown = torch.zeros_like(x)
        grown[:, :, ::2, ::2] = small * 4
        bands.append(x - blur(grown))
        x = small
    return [*bands, x]


def descriptors(band: Tensor, per_picture: int, generator: torch.Generator) -> Tensor:
    """Random 7x7 patches of [N,C,r,r]: [N * per_picture, C, 7, 7]."""
    n, c, height, width = band.shape
    top = torch.randint(height - PATCH + 1, (n, per_picture, 1, 1), generator=generator)
    left = torch.randint(width - PATCH + 1, (n, per_picture, 1, 1), generator=generator)
    reach = torch.arange(PATCH)
    rows, columns = top + reach[:, None], left + reach[None, :]  # [n, per, 7, 7] by broadcasting
    picked = band[torch.arange(n)[:, None, None, None], :, rows, columns]  # [n, per, 7, 7, C]
    return picked.reshape(-1, PATCH, PATCH, c).permute(0, 3, 1, 2)


def normalised(patches: Tensor) -> Tensor:
    """Each channel of all patches together at mean 0 and deviation 1: [P, C * 49]."""
    centred = patches - patches.mean(dim=(0, 2, 3), keepdim=True)
    return (centred / centred.std(dim=(0, 2, 3), keepdim=True).clamp_min(1e-8)).flatten(1)


def sliced_distance(a: Tensor, b: Tensor, generator: torch.Generator, directions: int = 512) -> float:
    """The mean over random directions of the 1-D Wasserstein distance of two clouds [P, D] of equal size."""
    total, block = 0.0, 64
    for _ in range(directions // block):
        axes = torch.randn(a.shape[1], block, generator=generator, dtype=a.dtype)
        axes /= axes.norm(dim=0, keepdim=True)
        total += float(((a @ axes).sort(dim=0)[0] - (b @ axes).sort(dim=0)[0]).abs().mean()) * block
    return total / (directions // block * block)


def swd(a: Tensor, b: Tensor, patches: int = 64, seed: int = 0) -> dict[int, float]:
    """Sliced Wasserstein distance times 1000 of two sets [N,3,R,R] per resolution of the Laplacian pyramid.

    Both must hold equally many pictures; ``patches`` are taken of each on every level.
    """
    if a.shape != b.shape:
        raise ValueError(f"sets of shape {tuple(a.shape)} and {tuple(b.shape)} cannot be compared")
    found = {}
    for band_a, band_b in zip(laplacian(a), laplacian(b), strict=True):
        draw = torch.Generator().manual_seed(seed)
        clouds = [normalised(descriptors(band, patches, draw)) for band in (band_a, band_b)]
        found[band_a.shape[-1]] = 1000 * sliced_distance(clouds[0], clouds[1], draw)
    return found


def frechet(a: Matrix, b: Matrix) -> float:
    """The Fréchet distance of the normal distributions of two sets of features [N, D], in fp64.

    The trace of the root of the product of both covariances is the sum of the roots of its eigenvalues, which are
    those of a symmetric matrix: roots of negative rounding errors never arise.
    """
    mean = float(np.square(a.mean(axis=0) - b.mean(axis=0)).sum())
    cov_a, cov_b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    values, vectors = np.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    both = np.linalg.eigvalsh(root @ cov_b @ root)
    return float(mean + np.trace(cov_a) + np.trace(cov_b) - 2 * np.sqrt(both.clip(min=0)).sum())


def structure(a: Tensor, b: Tensor) -> Tensor:
    """How far pictures [N,3,R,R], about -1..1, look apart, without trained weights: [N], 0 for equal ones.

    On every level of an averaging pyramid down to 8 px: the mean difference of colour, and of edges (horizontal and
    vertical differences) relative to the edges of both, so that the same jump counts alike in calm and in busy
    pictures; the mean over levels of colour + edges. Two unrelated pictures are about 1 apart.
    """
    total, levels = torch.zeros(len(a)), 0
    while True:
        total += (a - b).abs().mean(dim=(1, 2, 3))
        apart = strength = torch.zeros(len(a))
        for axis in (2, 3):
            ea, eb = a.diff(dim=axis), b.diff(dim=axis)
            apart = apart + (ea - eb).abs().mean(dim=(1, 2, 3))
            strength = strength + ea.abs().mean(dim=(1, 2, 3)) + eb.abs().mean(dim=(1, 2, 3))
        total += apart / (strength + 1e-2)
        levels += 1
        if a.shape[-1] <= 8:
            return total / levels
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
