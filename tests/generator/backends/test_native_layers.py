"""One compiled layer against the textbook in float64: sizes that no tile divides, shared products, stripes, scratch."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from engine.generator.backends.native.native_build import load
from engine.generator.backends.native.native_layers import Conv
from engine.generator.backends.prepare import LayerPlan, padded
from engine.system import compiled

pytestmark = pytest.mark.skipif(compiled.compiler() is None, reason="no C++ compiler on this machine")

FIR = torch.outer(torch.tensor([1.0, 3.0, 3.0, 1.0]), torch.tensor([1.0, 3.0, 3.0, 1.0])) / 64
GUARD = 4096  # numbers behind a buffer that nobody may write


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


@pytest.mark.parametrize("kind", ["up", "conv"])
@pytest.mark.parametrize("size", [(17, 20), (20, 19), (36, 32), (70, 18)])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_layer_is_the_textbooks_and_stays_in_its_buffers(kind: str, size: tuple[int, int], threads: int) -> None:
    fan_in, fan_out = 32, 48
    plan = layer(kind, size, fan_in, fan_out)
    conv = Conv(plan, load(), threads, "fp32")
    conv.threads = threads  # so small a layer would run on one
    x, style = torch.randn(*size, padded(fan_in)), torch.rand(padded(fan_in)) + 0.5
    noise, count = torch.randn(plan.shape), math.prod(plan.shape) * padded(fan_out)
    work, out = torch.full((conv.work_floats() + GUARD,), 7.0), torch.full((count + GUARD,), 7.0)
    conv(x, style, torch.ones(padded(fan_out)), noise, 1.0, out, work)
    wanted, got = textbook(plan, x, style, noise), out[:count].view(*plan.shape, -1)[..., :fan_out]
    assert float((got - wanted).abs().max()) < 1e-4
    assert all((buffer[-GUARD:] == 7).all() for buffer in (work, out))
