"""A small network that tells of w what the recogniser would tell of its picture, so that a step costs no picture.

It is learnt from samples that were painted once, and sees their principal axes only: where no sample differs from
another it knows nothing, and a mapper would find answers there that no picture shows. `learn_mapper` goes on through
the generator itself afterwards.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tools.train.attributes.directions import principal

WIDTH = 384  # units of its two hidden layers
STEPS, BATCH, RATE = 2000, 192, 2e-3
HELD_OUT = 20  # every twentieth sample is for the test


class Surrogate(nn.Module):
    """w [N, w_dim] -> scores [N, K] in standard deviations, identity [N, D] of length 1."""

    centre: Tensor  # [w_dim]
    axes: Tensor  # [w_dim, P], to the samples' coordinates of unit variance

    def __init__(self, ws: Tensor, count: int, identity: int) -> None:
        super().__init__()
        self.count = count
        self.register_buffer("centre", ws.mean(0))
        axes, values = principal(ws)
        self.register_buffer("axes", (axes / values.sqrt()).float())
        entry, out = len(values), count + identity
        self.straight = nn.Linear(entry, out)
        self.bent = nn.Sequential(
            nn.Linear(entry, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU(), nn.Linear(WIDTH, out)
        )

    def forward(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """Tell of w."""
        x = (w - self.centre) @ self.axes
        out = self.straight(x) + self.bent(x)
        return out[:, : self.count], F.normalize(out[:, self.count :], dim=1)


def learn(ws: Tensor, scores: Tensor, identity: Tensor, steps: int = STEPS, seed: int = 0) -> tuple[Surrogate, Tensor]:
    """Learn from ws [N, w_dim], scores [N, K] in standard deviations and identity [N, D].

    Returns the surrogate, and its R² [K] on the samples that were held out.
    """
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    surrogate = Surrogate(ws, scores.shape[1], identity.shape[1])
    held = torch.arange(len(ws)) % HELD_OUT == 0
    taught = torch.nonzero(~held)[:, 0]
    optimizer = torch.optim.AdamW(surrogate.parameters(), lr=RATE, weight_decay=0.02)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, step / 100) * 0.5 * (1 + math.cos(math.pi * step / steps))
        batch = taught[torch.randint(len(taught), (BATCH,), generator=rng)]
        told, who = surrogate(ws[batch])
        loss = F.mse_loss(told, scores[batch]) + (1 - (who * identity[batch]).sum(1)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    surrogate.eval().requires_grad_(False)
    told, _ = surrogate(ws[held])
    missed = (told - scores[held]).square().mean(0) / scores[held].var(0).clamp(min=1e-9)
    return surrogate, 1 - missed
