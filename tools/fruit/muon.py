"""Muon: momentum in which every direction weighs the same (Jordan et al. 2024; Liu et al., arXiv:2502.16982).

A few directions dominate the gradient of a convolution: the place of the fruit, its colour. Rare detail such as
seeds and stems lies in the many small directions, which Adam moves slowly. The nearest orthogonal matrix takes the
place of the momentum matrix, so that all directions move equally fast.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

QUINTIC = (3.4445, -4.7750, 2.0315)  # coefficients; five rounds drive every singular value in (0, 1] to about 1


def orthogonalize(m: Tensor, rounds: int = 5) -> Tensor:
    """The orthogonal matrix nearest to m [rows, columns], roughly, by Newton-Schulz.

    Every round multiplies by a polynomial of the Gram matrix, and these commute. So the rounds run on the smaller
    square, in full precision: what bfloat16 rounds an eigenvalue of it below 0 by grows 12 times in a round, and in the
    last ones to any size. The long matrix is multiplied once, at the end.
    """
    x = m / (m.norm() + 1e-9)
    if tall := m.shape[0] > m.shape[1]:
        x = x.t()
    a, b, c = QUINTIC
    gram = x @ x.t()
    own = torch.eye(len(gram), dtype=x.dtype)
    whole = own
    for _ in range(rounds):
        once = torch.addmm(a * own, b * own + c * gram, gram)
        whole, gram = once @ whole, once @ gram @ once
    result: Tensor = whole @ x
    return result.t() if tall else result


class Muon(torch.optim.Optimizer):
    """For convolution weights [O, I, k, k]; a step's root mean square is `lr` times 0.3, about what Adam's is."""

    def __init__(self, params: Iterable[Tensor], lr: float = 3e-3, momentum: float = 0.95) -> None:
        super().__init__(list(params), {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Move every weight that has a gradient."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                m = self.state[p].setdefault("momentum", torch.zeros_like(p))
                m.lerp_(p.grad, 1 - group["momentum"])
                look_ahead = torch.lerp(p.grad, m, group["momentum"]).flatten(1)
                rows, columns = look_ahead.shape
                scale = 0.3 * group["lr"] * max(rows, columns) ** 0.5
                p.sub_(orthogonalize(look_ahead).view(p.shape), alpha=scale)
