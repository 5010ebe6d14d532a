"""The mapper: one small network that moves all attributes of a w at once, and nothing else.

After "Latent to Latent: A Learned Mapper for Identity Preserving Editing of Multiple Face Attributes in StyleGAN-
generated Images" (Khodadadeh et al., WACV 2022): w' = f(w, a, da) with two trainable fully connected layers, the
generator and the recogniser frozen. The paper's norms and sizes were not at hand; these are our own:

    x  = [(w_l - mean) / sd, a, da]          a, da in standard deviations of the attributes; l is a layer of w
    h  = silu(V silu(U x + u_l) + v)         the two fully connected layers, shared by all layers of w
    w' = w_l + sum_k da_k D_kl + O (h * P da)

P, D and O have no bias, so that da = 0 returns w itself, exactly. D begins as the directions of the boundaries and O as
zero: before the first step of its training the mapper is the boundary method.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

HIDDEN = 256  # units of each of the two layers


class Mapper(nn.Module):
    """f(w, a, da), for all attributes at once. K is the number of attributes."""

    mean: Tensor
    sd: Tensor
    readout: Tensor
    offset: Tensor

    def __init__(self, names: Sequence[str], num_ws: int, w_dim: int, hidden: int = HIDDEN) -> None:
        """``names`` are the attributes in the order of a and da."""
        super().__init__()
        count = len(names)
        self.names, self.num_ws, self.w_dim, self.hidden = tuple(names), num_ws, w_dim, hidden
        self.enter = nn.Linear(w_dim + 2 * count, hidden, bias=False)
        self.layers = nn.Parameter(torch.zeros(num_ws, hidden))
        self.middle = nn.Linear(hidden, hidden)
        self.gate = nn.Linear(count, hidden, bias=False)
        self.leave = nn.Linear(hidden, w_dim, bias=False)
        self.directions = nn.Parameter(torch.zeros(count, num_ws, w_dim))
        nn.init.zeros_(self.leave.weight)
        # What is known of w, not trained: its mean and spread, and how an attribute is read from it.
        self.register_buffer("mean", torch.zeros(w_dim))
        self.register_buffer("sd", torch.ones(()))
        self.register_buffer("readout", torch.zeros(count, num_ws, w_dim))
        self.register_buffer("offset", torch.zeros(count))

    def read(self, ws: Tensor) -> Tensor:
        """Return a [N, K] of ws [N, num_ws, w_dim], in standard deviations: readout . (w - mean) + offset."""
        return torch.einsum("nlw,klw->nk", ws - self.mean, self.readout) + self.offset

    def forward(self, ws: Tensor, a: Tensor, change: Tensor) -> Tensor:
        """Return w' [N, num_ws, w_dim] of ws, with attributes a [N, K] that are to move by ``change`` [N, K]."""
        known = torch.cat((a, change), dim=1)  # the same for all layers of w
        weight = self.enter.weight
        x = nn.functional.linear((ws - self.mean) / self.sd, weight[:, : self.w_dim])
        x = x + nn.functional.linear(known, weight[:, self.w_dim :])[:, None] + self.layers
        h = nn.functional.silu(self.middle(nn.functional.silu(x)))
        moved: Tensor = self.leave(h * self.gate(change)[:, None])
        return ws + moved + torch.einsum("nk,klw->nlw", change, self.directions)

    def edit(self, ws: Tensor, change: Tensor) -> Tensor:
        """Return `forward` of ws [N, num_ws, w_dim] with the attributes that are read from them."""
        moved: Tensor = self(ws, self.read(ws), change)
        return moved


def from_state(state: dict[str, Tensor], names: Sequence[str]) -> Mapper:
    """Return the mapper that weights by name make. ValueError when they make none."""
    try:
        count, num_ws, w_dim = state["directions"].shape
        mapper = Mapper(names, num_ws, w_dim, state["middle.weight"].shape[0])
        mapper.load_state_dict(state)
    except (KeyError, RuntimeError) as error:
        raise ValueError("the weights make no mapper") from error
    if count != len(mapper.names):
        raise ValueError(f"the mapper has {count} attributes and {len(mapper.names)} names")
    return mapper.eval().requires_grad_(False)
