"""Whether another program's blocks paint what plain PyTorch's do: asked before they are adopted."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.generator.backends.blocks import Blocks, Given, Unavailable
from engine.generator.backends.eager import EagerBlocks

AGREEMENT = 30.0  # dB of signal to noise against the eager blocks; what is below is refused (fp16 gives over 45)


def compare(blocks: Blocks, eager: EagerBlocks, name: str) -> None:
    """Paint one frame with both; Unavailable, with the program's ``name``, when they do not agree."""
    network = blocks.prepared.network
    generator = torch.Generator().manual_seed(0)
    ws = torch.randn(network.num_ws, network.w_dim, generator=generator).to(network.device)
    wanted, got = (_paint(one, ws) for one in (eager, blocks))
    noise = (wanted - got).square().mean()
    agreement = float(10 * torch.log10(wanted.square().mean() / noise.clamp_min(1e-20)))
    if not agreement > AGREEMENT:  # NaN is no agreement
        raise Unavailable(f"{name}'s picture is not the model's ({agreement:.0f} dB)")


def _paint(blocks: Blocks, ws: Tensor) -> Tensor:
    given = Given(*blocks.prepared.modulation(ws))
    x = img = None
    for level in range(len(blocks.prepared.blocks)):
        x, img = blocks.run(level, x, img, given)
    assert img is not None
    return img.clone()
