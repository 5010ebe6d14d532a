"""How far two pictures are apart, as a network sees it.

A `Perceptual` turns a picture into one flat vector; the sum of squared differences of two vectors is their distance, as
StyleGAN2's projector has it. `Lpips` is that of Zhang et al. (arXiv:1801.03924), version 0.1: maps are brought to unit
length over their channels and weighted by learnt heads. Pictures are [N, 3, H, W], -1..1.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.generator.perceptual.vgg import (
    RELU1_1,
    RELU1_2,
    RELU2_2,
    RELU3_2,
    RELU3_3,
    RELU4_2,
    RELU4_3,
    RELU5_3,
    Vgg16,
    caffe,
    normalized,
)

HEADS = Path(__file__).with_name("lpips_vgg.npz")
LAYERS = (RELU1_2, RELU2_2, RELU3_3, RELU4_3, RELU5_3)
EPS = 1e-10  # added to a vector's length, as LPIPS does
SIDE = 256  # pixels; larger pictures are seen at this size
COLOUR = 3  # channels of what such a network sees


class Perceptual(ABC):
    """A network that sees."""

    name: str  # what is said of it, and written into the JSON

    @abstractmethod
    def vector(self, x: Tensor) -> Tensor:
        """Return [N, F] of pictures [N, 3, H, W], -1..1; squared differences summed are a distance."""

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the distance [N] of two pictures."""
        return (self.vector(a) - self.vector(b)).square().sum(dim=1)


class Given(Perceptual):
    """A function of a picture [N, 3, H, W], 0..255, as StyleGAN2's projector calls its network."""

    def __init__(self, function: Callable[[Tensor], Tensor], name: str = "given") -> None:
        self.function, self.name = function, name

    def vector(self, x: Tensor) -> Tensor:
        """See Perceptual."""
        return self.function(seen((x + 1.0) * 127.5)).flatten(1)


class Lpips(Perceptual):
    """LPIPS 0.1 on VGG16."""

    def __init__(self, network: Vgg16, heads: list[Tensor] | None = None) -> None:
        """``heads`` are the weights of the five layers' maps; those that come with the engine by default.

        Raises ValueError where they do not fit the network's widths.
        """
        self.network, self.name = network, "LPIPS on VGG16"
        self.heads = heads or [torch.from_numpy(array) for array in np.load(HEADS).values()]
        state = network.state_dict()
        widths = [len(state[name]) for layer in LAYERS if (name := f"features.{layer - 1}.bias") in state]
        if widths != [len(head) for head in self.heads]:
            raise ValueError("a VGG16 of other widths than LPIPS's heads")

    def units(self, x: Tensor) -> list[Tensor]:
        """Return the five layers' maps, of unit length over their channels."""
        return [unit(map_) for map_ in self.network.maps(normalized(x), LAYERS)]

    def layers(self, a: Tensor, b: Tensor) -> list[Tensor]:
        """Return each layer's share [N] of the distance of two pictures, at their own size."""
        pairs = zip(self.units(a), self.units(b), self.heads, strict=True)
        return [(head.view(1, -1, 1, 1) * (p - q).square()).sum(dim=1).mean(dim=(1, 2)) for p, q, head in pairs]

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """See Perceptual; at the pictures' own size, as LPIPS is measured."""
        return torch.stack(self.layers(a, b)).sum(dim=0)

    def vector(self, x: Tensor) -> Tensor:
        """See Perceptual; of pictures drawn down to 256 px."""
        parts = zip(self.units(seen(x)), self.heads, strict=True)
        return torch.cat([flat(map_, head.clamp(min=0.0).sqrt().view(1, -1, 1, 1)) for map_, head in parts], dim=1)


class Mapped(Perceptual):
    """Maps of any network, of unit length over their channels, every layer alike; as LPIPS without heads."""

    def __init__(self, maps: Callable[[Tensor], list[Tensor]], name: str) -> None:
        self.maps, self.name = maps, name

    def vector(self, x: Tensor) -> Tensor:
        """See Perceptual."""
        found = self.maps(seen(x))
        return torch.cat([flat(unit(map_), torch.tensor(len(found) ** -0.5)) for map_ in found], dim=1)


class Vgg16Layers(Perceptual):
    """Image2StyleGAN's (Abdal et al., arXiv:1904.03189, section 4): four layers of VGG16, each as a mean square."""

    layers = (RELU1_1, RELU1_2, RELU3_2, RELU4_2)

    def __init__(self, network: Vgg16) -> None:
        self.network, self.name = network, "VGG16"

    def vector(self, x: Tensor) -> Tensor:
        """See Perceptual."""
        maps = self.network.maps(normalized(seen(x)), self.layers)
        return torch.cat([m.flatten(1) / math.sqrt(m[0].numel()) for m in maps], dim=1)


class CaffeLayer(Perceptual):
    """In-domain inversion's: relu4_3 of VGG16 on Caffe's numbers, as a mean square."""

    def __init__(self, network: Vgg16) -> None:
        self.network, self.name = network, "VGG16 relu4_3"

    def feature(self, x: Tensor) -> Tensor:
        """Return relu4_3 of a picture."""
        return self.network.maps(caffe(x), (RELU4_3,))[0]

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """See Perceptual."""
        return (self.feature(a) - self.feature(b)).square().mean(dim=(1, 2, 3))

    def vector(self, x: Tensor) -> Tensor:
        """See Perceptual."""
        feature = self.feature(x)
        return feature.flatten(1) / math.sqrt(feature[0].numel())


def unit(x: Tensor) -> Tensor:
    """Return maps whose vectors over the channels have length 1."""
    length = x.square().sum(dim=1, keepdim=True).add(1e-20).sqrt()
    return torch.div(x, length + EPS)


def flat(x: Tensor, weight: Tensor) -> Tensor:
    """Return maps [N, C, H, W] as [N, C H W], weighted, a mean over the places."""
    places = float(x.shape[2] * x.shape[3])
    weighted = torch.div(x * weight, places**0.5)
    return torch.flatten(weighted, 1)


def seen(x: Tensor) -> Tensor:
    """Return a picture as a network sees it: no larger than 256 px, in three channels."""
    if x.shape[1] == 1:
        x = x.expand(-1, COLOUR, -1, -1)
    if x.shape[2] > SIDE:
        x = F.interpolate(x, size=(SIDE, SIDE), mode="area")
    return x
