"""One random StyleGAN2 convolution, and what the textbook makes of it in float64."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from engine.generator.backends.prepare import LayerPlan

FIR = torch.outer(torch.tensor([1.0, 3.0, 3.0, 1.0]), torch.tensor([1.0, 3.0, 3.0, 1.0])) / 64


def layer(kind: str, size: tuple[int, int], fan_in: int, fan_out: int) -> LayerPlan:
    factor = 2 if kind == "up" else 1
    generator = torch.Generator().manual_seed(size[0])
    weight = torch.randn(fan_out, fan_in, 3, 3, generator=generator) / math.sqrt(9 * fan_in)
    return LayerPlan(
        kind="up" if kind == "up" else "conv", index=0, ws_index=0, style_at=0, fan_in=fan_in, fan_out=fan_out,
        shape=(factor * size[0], factor * size[1]), weight=weight, clamp=None, fir=FIR, activation="lrelu",
        bias=torch.randn(fan_out, generator=generator) * 0.1,
    )  # fmt: skip


def textbook(plan: LayerPlan, x: torch.Tensor, style: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    image, weight = (x * style).permute(2, 0, 1)[None].double(), plan.weight.double()
    if plan.kind == "up":
        wide = F.conv_transpose2d(image, weight.transpose(0, 1), stride=2)
        kernel = (FIR * 4).double()[None, None].expand(plan.fan_out, 1, 4, 4)
        y = F.conv2d(F.pad(wide, (1, 1, 1, 1)), kernel, groups=plan.fan_out)
    else:
        y = F.conv2d(image, weight, padding=1)
    return F.leaky_relu(y + plan.bias[:, None, None] + noise, 0.2)[0].permute(1, 2, 0)
