"""The second recogniser: other layers, other lessons, another seed. It only judges; no loss may use it.

Residual blocks with swish (He et al., arXiv:1512.03385; Ramachandran et al., arXiv:1710.05941) and means for
downsampling, where the first one (engine/generator/perceptual) has plain strided convolutions with ReLU. It tells the
same attributes in the same units, so what the first one was led to believe is checked by one that was never asked.

    python -m tools.recognise.teach --network second      # how its weights were made; recogniser.md tells its errors
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.generator.perceptual.recogniser import Heads, Recognised, Recogniser, read_into, to_side

WIDTHS = (20, 40, 72, 112)  # channels at 32, 16, 8 and 4 pixels of a picture of 64
WEIGHTS = Path(__file__).with_name("recogniser.safetensors")


class Second(Heads):
    """The judging network. Pictures are [N, 3, H, W], about -1..1."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList([nn.Conv2d(3, WIDTHS[0], 5, 2, 2)])
        for before, width in zip(WIDTHS, (*WIDTHS[1:], WIDTHS[-1]), strict=True):
            self.convolutions.append(nn.Conv2d(before, width, 3, 1, 1))
            self.convolutions.append(nn.Conv2d(width, width, 3, 1, 1))
        self.make_heads(WIDTHS[-1] * 4 * 4, 96)

    def maps(self, x: Tensor, norms: Sequence[nn.Module] = ()) -> list[Tensor]:
        """Return the maps after each block; while it learns, one of ``norms`` follows each convolution."""

        def convolved(number: int, x: Tensor) -> Tensor:
            out: Tensor = self.convolutions[number](x)
            return norms[number](out) if norms else out

        x = F.silu(convolved(0, x))
        found = [x]
        for block in range(len(WIDTHS)):
            inner = convolved(2 + 2 * block, F.silu(convolved(1 + 2 * block, x)))
            kept = x if x.shape[1] == inner.shape[1] else F.pad(x, (0, 0, 0, 0, 0, inner.shape[1] - x.shape[1]))
            x = F.silu(kept + inner)
            if block < len(WIDTHS) - 1:
                x = F.avg_pool2d(x, 2)
            found.append(x)
        return found

    def gathered(self, coarsest: Tensor) -> Tensor:
        """Return what the heads read of the coarsest map of a picture of 64 px: [N, 1792]."""
        return coarsest.flatten(1)

    def recognise(self, picture: Tensor) -> Recognised:
        """Return what ``picture`` [N, 3, H, W] shows."""
        return self.read(self.gathered(self.maps(to_side(picture))[-1]))


@cache
def judge() -> Second:
    """Return the judge that comes with the tools, read once."""
    return read_into(Second(), WEIGHTS)


def steady(network: Second | Recogniser, picture: Tensor) -> Recognised:
    """Return what ``picture`` [N, 3, H, W] shows, the mean over it and over it moved by a pixel in four directions.

    Place is no attribute: what a pixel changes is the reader's own error.
    """
    seen = to_side(picture)
    around = F.pad(seen, (1, 1, 1, 1), mode="replicate")
    height, width = seen.shape[-2:]
    places = [around[..., y : y + height, x : x + width] for y, x in ((1, 1), (0, 1), (2, 1), (1, 0), (1, 2))]
    found = [network.read(network.gathered(network.maps(place)[-1])) for place in places]
    kinds = torch.stack([one.kinds for one in found]).mean(0)
    told = torch.stack([one.attributes for one in found]).mean(0)
    who = torch.stack([one.identity for one in found]).mean(0)
    return Recognised(kinds, told, F.normalize(who, dim=1))
