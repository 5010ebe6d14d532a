"""The recogniser: what a picture of fruit shows, and the maps that perceptual losses compare.

Five stages of 3x3 convolutions and ReLU (Simonyan & Zisserman, arXiv:1409.1556, section 2.1), each half the size of
the one before. It was taught on renders whose labels are exact (`python -m tools.recognise.teach`, see
recogniser.md beside the weights). Kinds are told by the cosine between an embedding and one vector a kind (Wang et
al., CosFace, arXiv:1801.09414, without the margin), so the embedding is the identity of what is seen.

    recogniser = shipped()
    recogniser.recognise(pictures).attributes     # [N, 8], in the units of the card
    recogniser.features(pictures)                 # five maps, at 1, 1/2, 1/4, 1/8 and 1/16 of the size

Both are differentiable. Weights are float32 once read; nothing here is random.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from engine.borders.errors import UserError
from engine.generator.perceptual.names import ATTRIBUTES, KINDS

SIDE = 64  # pixels; pictures are brought to this size before they are recognised
WIDTHS = (16, 32, 64, 128, 192)  # channels of the five maps
IDENTITY = 32  # numbers of the embedding
SHARPNESS = 12.0  # of the softmax over cosines
ANGLES = ("turn", "tilt")  # told as sine and cosine, returned in radians
OUTPUTS = len(ATTRIBUTES) + len(ANGLES)
Network = TypeVar("Network", bound=nn.Module)
WEIGHTS = Path(__file__).with_name("recogniser.safetensors")


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a batch shows."""

    kinds: Tensor  # [N, 11] logits, in the order of KINDS
    attributes: Tensor  # [N, 8], in the order and units of ATTRIBUTES
    identity: Tensor  # [N, 32], of length 1; the same for all fruit of a kind


def to_side(picture: Tensor, side: int = SIDE) -> Tensor:
    """Return ``picture`` [N, 3, H, W] at [N, 3, side, side]: means over areas when it shrinks, bilinear else."""
    height, width = picture.shape[-2:]
    if (height, width) == (side, side):
        return picture
    if min(height, width) >= side:
        return F.interpolate(picture, size=(side, side), mode="area")
    return F.interpolate(picture, size=(side, side), mode="bilinear", align_corners=False)


def angles_of(told: Tensor) -> Tensor:
    """Turn what the head tells [N, 10] into the attributes [N, 8]: a sine and a cosine become an angle."""
    found, at = [], 0
    for name in ATTRIBUTES:
        if name in ANGLES:
            found.append(torch.atan2(told[:, at], told[:, at + 1]))
            at += 2
        else:
            found.append(told[:, at])
            at += 1
    return torch.stack(found, 1)


class Heads(nn.Module):
    """What a recogniser reads of its coarsest map: kind, attributes, identity."""

    centre: Tensor  # [OUTPUTS]; what the head tells is centre + scale * its last layer
    scale: Tensor

    def make_heads(self, cells: int, hidden: int) -> None:
        """Make the layers, which read ``cells`` numbers; ``hidden`` are those between them and the attributes."""
        self.kind = nn.Linear(cells, IDENTITY)
        self.prototypes = nn.Parameter(torch.randn(len(KINDS), IDENTITY))
        self.hidden = nn.Linear(cells, hidden)
        self.tell = nn.Linear(hidden, OUTPUTS)
        self.register_buffer("centre", torch.zeros(OUTPUTS))
        self.register_buffer("scale", torch.ones(OUTPUTS))

    def read(self, cells: Tensor) -> Recognised:
        """Return what a batch shows, of its ``cells`` [N, cells]."""
        identity = F.normalize(self.kind(cells), dim=1)
        kinds = SHARPNESS * identity @ F.normalize(self.prototypes, dim=1).T
        told = self.centre + self.scale * self.tell(F.relu(self.hidden(cells)))
        return Recognised(kinds, angles_of(told), identity)


class Recogniser(Heads):
    """The network. Pictures are [N, 3, H, W], about -1..1."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList()
        before = 3
        for stage, width in enumerate(WIDTHS):
            if stage:
                self.convolutions.append(nn.Conv2d(before, width, 3, 2, 1))
                before = width
            self.convolutions.append(nn.Conv2d(before, width, 3, 1, 1))
            before = width
        self.gather = nn.Conv2d(before, 48, 1)
        cells = 48 * (SIDE >> (len(WIDTHS) - 1)) ** 2
        self.make_heads(cells, 128)

    def features(self, picture: Tensor) -> list[Tensor]:
        """Return the five maps of ``picture`` [N, 3, H, W]: [N, 16, H, W], [N, 32, H/2, W/2] and so on."""
        return self.maps(picture)

    def maps(self, x: Tensor, norms: Sequence[nn.Module] = ()) -> list[Tensor]:
        """Do the work of `features`; while it learns, one of ``norms`` follows each convolution."""
        found = []
        for number, convolution in enumerate(self.convolutions):
            x = convolution(x)
            x = F.relu(norms[number](x) if norms else x)
            if number % 2 == 0:  # the first, and every second one of the later stages
                found.append(x)
        return found

    def gathered(self, coarsest: Tensor) -> Tensor:
        """Return what the heads read of the coarsest map of a picture of 64 px: [N, 768]."""
        return F.relu(self.gather(coarsest)).flatten(1)

    def recognise(self, picture: Tensor) -> Recognised:
        """Return what ``picture`` [N, 3, H, W] shows."""
        return self.read(self.gathered(self.features(to_side(picture))[-1]))


def read_into(network: Network, path: Path) -> Network:
    """Fill ``network`` with the weights at ``path``. UserError names the file when they are not of this shape."""
    try:
        with safe_open(path, "pt") as file:
            names = json.loads((file.metadata() or {}).get("attributes", "[]"))
            state = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118 - not a dict
        if names != list(ATTRIBUTES):
            raise UserError(f"{path}: tells {', '.join(names) or 'nothing'}; this program asks for other attributes")
        network.load_state_dict(state)
    except (OSError, SafetensorError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: not a recogniser's weights: {reason}") from error
    return network.eval().requires_grad_(False)


@cache
def shipped() -> Recogniser:
    """Return the recogniser that comes with the engine, read once."""
    return read_into(Recogniser(), WEIGHTS)
