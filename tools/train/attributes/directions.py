"""Directions of W for attributes that a recogniser tells: ridge regression, and the boundary of a linear SVM.

Shen et al., "Interpreting the Latent Space of GANs for Semantic Face Editing" (InterFaceGAN, arXiv:1907.10786),
section 2: the normal of a hyperplane between the samples with most and with least of an attribute; section 2.2:
conditional projection, which takes the normals of other attributes out of it. Everything here is in float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

EXTREMES = 0.02  # share of the samples at either end that a boundary is fitted to
HELD = 0.995  # share of the variance of w that the principal axes hold
RIDGE = 1e-3  # of the variance along each axis
SVM_COST = 1.0  # C of the support vector machine
SOFT = (0.5, 0.1, 0.02)  # widths of the hinge's rounded corner, one fit after the other


@dataclass(frozen=True, slots=True)
class Scale:
    """The mean and the standard deviation of each attribute [K] over the samples."""

    mean: Tensor
    sd: Tensor

    @staticmethod
    def of(scores: Tensor) -> Scale:
        """Measure ``scores`` [N, K]."""
        return Scale(scores.mean(0), scores.std(0).clamp(min=1e-6))

    def __call__(self, scores: Tensor) -> Tensor:
        """Return ``scores`` in standard deviations from the mean."""
        scaled: Tensor = (scores - self.mean) / self.sd
        return scaled


def principal(ws: Tensor, held: float = HELD) -> tuple[Tensor, Tensor]:
    """Return the principal axes [w_dim, P] of ws [N, w_dim] that hold ``held`` of the variance, and theirs [P]."""
    values, vectors = torch.linalg.eigh(torch.cov(ws.T.double()))
    values, vectors = values.flip(0), vectors.flip(1)
    count = int((values.cumsum(0) / values.sum() < held).sum()) + 1
    return vectors[:, :count], values[:count]


def ridge(ws: Tensor, scores: Tensor) -> Tensor:
    """Return B [K, w_dim] that predicts scores [N, K] in standard deviations as B (w - mean), by least squares.

    B lies in the principal axes of w: along others, in which samples hardly differ, a slope would be noise alone.
    """
    axes, values = principal(ws)
    x, y = (ws.double() - ws.double().mean(0)) @ axes, scores.double() - scores.double().mean(0)
    gram = torch.diag(values * (1 + RIDGE))
    solved: Tensor = torch.linalg.solve(gram, x.T @ y / len(x))
    return (axes @ solved).T.float()


def svm(ws: Tensor, scores: Tensor, share: float = EXTREMES) -> Tensor:
    """Return the unit normal [w_dim] of a linear SVM between the ends of ``scores`` [N]; it points to more."""
    order = scores.argsort()
    count = max(2, int(share * len(order)))
    chosen = torch.cat([order[:count], order[-count:]])
    sign = torch.cat([-torch.ones(count), torch.ones(count)]).double()
    x = ws[chosen].double()
    return _normalised(hinge(x, sign)).float()


def hinge(x: Tensor, sign: Tensor, cost: float = SVM_COST) -> Tensor:
    """Return the w of min |w|²/2 + cost Σ max(0, 1 - sign (w x + b)) for x [N, D], sign [N] of ±1.

    The corner of the hinge is rounded, less from fit to fit (Chapelle, "Training a support vector machine in the
    primal", 2007, section 2.3), and each fit is by L-BFGS.
    """
    centre = x.mean(0)
    unit = (x - centre).square().sum(1).mean().sqrt()  # the largest step of the solver is about one
    seen = (x - centre) / unit
    w = torch.zeros(x.shape[1] + 1, dtype=torch.float64, requires_grad=True)
    for soft in SOFT:
        solver = torch.optim.LBFGS(
            [w], max_iter=150, history_size=30, tolerance_change=1e-12, line_search_fn="strong_wolfe"
        )

        def loss(soft: float = soft) -> Tensor:
            gap = 1 - sign * (seen @ w[:-1] + w[-1])
            rounded = torch.where(gap.abs() < soft, (gap + soft).square() / (4 * soft), gap.clamp(min=0))
            return 0.5 * (w[:-1] / unit).square().sum() + cost * rounded.sum()

        def closure(soft: float = soft) -> Tensor:
            w.grad = None
            found = loss(soft)
            found.backward()  # type: ignore[no-untyped-call]
            return found

        solver.step(closure)  # type: ignore[no-untyped-call]
    found: Tensor = w.detach()[:-1] / unit
    return found


def projected(normal: Tensor, others: Tensor) -> Tensor:
    """Return the part of ``normal`` [w_dim], of length 1, that changes none of ``others`` [M, w_dim]."""
    basis = others.double()
    part = torch.linalg.lstsq(basis.T, normal.double()[:, None]).solution[:, 0]
    return _normalised(normal.double() - basis.T @ part).float()


def _normalised(normal: Tensor) -> Tensor:
    return torch.div(normal, normal.norm().clamp(min=1e-12))
