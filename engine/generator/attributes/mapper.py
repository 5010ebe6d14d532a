"""The mapper: one small network that moves all attributes of a w at once, and nothing else.

After "Latent to Latent: A Learned Mapper for Identity Preserving Editing of Multiple Face Attributes in StyleGAN-
generated Images" (Khodadadeh et al., WACV 2022): w' = f(w, a, da) with two trainable fully connected layers, the
generator and the recogniser frozen. The paper's norms and sizes were not at hand; these are our own:

    x  = [(w_l - mean) / sd, a, da]          a, da in standard deviations of the attributes; l is a layer of w
    h  = silu(V silu(U x + u_l) + v)         the two fully connected layers, shared by all layers of w
    w' = w_l + sum_k da_k D_kl + O (h * P da)

P, D and O have no bias, so that da = 0 returns w itself, exactly. D begins as the directions of the boundaries and O as
zero: before the first step of its training the mapper is the boundary method.

What is asked and what is reached differ: a stalk that is not there does not grow. So an edit goes through a curve for
each attribute, asked -> da, which was measured on pictures (tools/train/attributes/response.py); it leaves 0 at 0.
Before that, what lies between whole numbers is laid so that the picture moves evenly (pace.py), where that was learnt.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from engine.generator.attributes.pace import Pace

HIDDEN = 256  # units of each of the two layers
KNOT = 0.5  # standard deviations between two knots of the curves
REACH = 4.0  # standard deviations; the outermost knots
KNOTS = 2 * int(REACH / KNOT) + 1
PACE = "pace.middle.weight"  # there where the pace is known


class Mapper(nn.Module):
    """f(w, a, da), for all attributes at once. K is the number of attributes."""

    mean: Tensor
    sd: Tensor
    readout: Tensor
    offset: Tensor
    curves: Tensor

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
        self.register_buffer("curves", straight(count))
        self.pace: Pace | None = None

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

    def strengths(self, asked: Tensor) -> Tensor:
        """Return the da [N, K] that move the attributes by ``asked`` [N, K]: the curves, straight between their knots.

        Beyond the outermost knots they go on as between the last two.
        """
        place = asked / KNOT + KNOTS // 2
        below = place.floor().clamp(0, KNOTS - 2)
        at = below.long()
        curves = self.curves.expand(len(asked), -1, -1)
        low, high = (curves.gather(2, each[..., None])[..., 0] for each in (at, at + 1))
        return low + (place - below) * (high - low)

    def middle_of(self, ws: Tensor) -> Tensor:
        """Return what the pace knows of ws [N, num_ws, w_dim]: the mean over the layers [N, w_dim], as spreads."""
        return (ws.mean(1) - self.mean) / self.sd

    def edit(self, ws: Tensor, asked: Tensor, even: bool = True) -> Tensor:
        """Return ws [N, num_ws, w_dim] with the attributes moved by ``asked`` [N, K]: `forward` behind the curves.

        ``even`` lays what is asked so that the picture moves evenly between whole numbers, where the pace is known.
        """
        if even and self.pace is not None:
            asked = self.pace.evened(self.middle_of(ws), asked)
        moved: Tensor = self(ws, self.read(ws), self.strengths(asked))
        return moved


def straight(count: int) -> Tensor:
    """Return the curves [count, KNOTS] of attributes that move as far as is asked."""
    return torch.linspace(-REACH, REACH, KNOTS).expand(count, -1).clone()


def from_state(state: dict[str, Tensor], names: Sequence[str]) -> Mapper:
    """Return the mapper that weights by name make; without "curves" they are straight. ValueError for anything else."""
    try:
        count, num_ws, w_dim = state["directions"].shape
        mapper = Mapper(names, num_ws, w_dim, state["middle.weight"].shape[0])
        if PACE in state:
            mapper.pace = Pace(count, w_dim, state[PACE].shape[0])
        mapper.load_state_dict({"curves": straight(count)} | state)
    except (KeyError, RuntimeError) as error:
        raise ValueError("the weights make no mapper") from error
    if count != len(mapper.names):
        raise ValueError(f"the mapper has {count} attributes and {len(mapper.names)} names")
    if bool(mapper.curves[:, KNOTS // 2].any()) or bool((mapper.curves.diff(dim=1) <= 0).any()):
        raise ValueError("the mapper's curves do not rise through 0")
    return mapper.eval().requires_grad_(False)
