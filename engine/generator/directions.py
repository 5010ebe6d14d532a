"""Directions of W that change something, found in seconds and without labels.

SeFa (Shen and Zhou, "Closed-Form Factorization of Latent Semantics in GANs", arXiv:2007.06600) reads the
weights: it finds the directions of w that change the styles most. GANSpace (Harkonen et al., arXiv:2004.02546)
reads w itself: it finds the axes along which w varies most. A direction is one standard deviation of w long, so that
the parameters direction.1 to 8 mean the same on any model.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.borders.preset import DIRECTIONS
from engine.generator.networks.network import Network

COUNT = 8


def find(kind: str, network: Network) -> NDArray[np.float32]:
    """Return the directions [8, w_dim] of the given kind, "sefa" or "ganspace"."""
    return dict(zip(DIRECTIONS, (sefa, ganspace), strict=True))[kind](network)


@torch.inference_mode()
def sefa(network: Network, count: int = COUNT) -> NDArray[np.float32]:
    """Return [count, w_dim] from the weights of all layers, sorted, each one standard deviation of w long."""
    axes = factorise([weight.detach().cpu() for weight in network.style_weights()])[0][:count]
    w = sample_w(network, 2000).double()
    spread = ((w - w.mean(dim=0)) @ axes.T).std(dim=0)
    return _finish(axes * spread[:, None])


@torch.inference_mode()
def factorise(weights: Sequence[Tensor], unit: bool = True) -> tuple[Tensor, Tensor]:
    """Return the unit directions [w_dim, w_dim], a row each, and their eigenvalues, the largest first, float64.

    The eigenvectors of A^T A, A all rows of ``weights`` [outputs, w_dim]: how much a direction moves the styles. SeFa
    makes the rows of A ``unit`` long; rosinality's closed_form_factorization.py takes them as they are.
    """
    rows = torch.cat([weight.double() for weight in weights])  # [all styles, w_dim]
    if unit:
        rows = rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-12)
    values, vectors = torch.linalg.eigh(rows.T @ rows)
    return vectors.T.flip(0), values.flip(0)


@torch.inference_mode()
def ganspace(network: Network, count: int = COUNT, samples: int = 10_000) -> NDArray[np.float32]:
    """Return [count, w_dim]: the principal components of ``samples`` sampled w, each one standard deviation long."""
    w = sample_w(network, samples).double()
    w = w - w.mean(dim=0)
    values, vectors = torch.linalg.eigh(w.T @ w / (len(w) - 1))
    axes = vectors.T.flip(0)[:count]
    return _finish(axes * values.flip(0)[:count].clamp(min=0.0).sqrt()[:, None])


@torch.inference_mode()
def sample_w(network: Network, samples: int, seed: int = 0) -> Tensor:
    """Return w [samples, w_dim] of random z, float32 on the CPU."""
    drawn = np.random.RandomState(seed).randn(samples, network.z_dim).astype(np.float32)
    parts = [network.map(z.to(network.device))[:, 0].float().cpu() for z in torch.split(torch.from_numpy(drawn), 1000)]
    return torch.cat(parts)


def _finish(directions: Tensor) -> NDArray[np.float32]:
    """Fix the signs, which eigenvectors leave open, so that one model has one set: the largest entry is positive."""
    largest = directions.abs().argmax(dim=1)
    signs = directions[torch.arange(len(directions)), largest].sign()
    return np.asarray((directions * signs[:, None]).float().numpy())
