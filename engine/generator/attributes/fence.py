"""How far out sliders may take a point together: no farther than the model's own points lie.

One slider at 2 standard deviations leaves a w among those that the model draws; eight at once end where it has never
drawn, between its kinds. Far is what is far for these w, along the directions in which they spread: the Mahalanobis
distance, as in "Improved StyleGAN Embedding: Where are the Good Latents?" (Zhu et al. 2020, section 3.2). What would go
farther goes as far as that in its own direction. A point that lies far out itself is given some room all the same.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SHARE = 0.9  # of the model's own points that lie within
ROOM = 1.0  # whitened units; that a point may go farther out than it lies
LEAST = 1e-4  # of the largest variance; directions that hardly spread count as spread so far


class Fence(nn.Module):
    """Where the model's points lie: ``whiten`` [w_dim, w_dim] makes their spread 1, and ``far`` is their distance."""

    whiten: Tensor
    far: Tensor

    def __init__(self, w_dim: int) -> None:
        """Nothing is far yet."""
        super().__init__()
        self.register_buffer("whiten", torch.eye(w_dim))
        self.register_buffer("far", torch.tensor(torch.inf))

    @staticmethod
    def around(ws: Tensor, mean: Tensor) -> Fence:
        """Return the fence around points ws [N, w_dim] with this ``mean`` [w_dim]."""
        variances, axes = torch.linalg.eigh(torch.cov(ws.double().T))
        fence = Fence(ws.shape[1])
        fence.whiten.copy_((axes / variances.clamp(min=float(variances[-1]) * LEAST).sqrt()).T)
        fence.far.copy_(torch.quantile(((ws - mean) @ fence.whiten.T).norm(dim=1), SHARE))
        return fence

    def shares(self, x: Tensor, steps: Tensor) -> Tensor:
        """Return how much of ``steps`` [N, w_dim] points x [N, w_dim], less their mean, may go: [N], 0..1."""
        at, step = x @ self.whiten.T, steps @ self.whiten.T
        most = torch.maximum(self.far, at.norm(dim=1) + ROOM)
        a, ab, b = ((one * other).sum(1) for one, other in ((at, at), (at, step), (step, step)))
        share = ((ab * ab - b * (a - most * most)).clamp(min=0.0).sqrt() - ab) / b.clamp(min=1e-12)
        return torch.where(a + 2.0 * ab + b > most * most, share.clamp(0.0, 1.0), 1.0)  # where |a + share b| is most
