"""One compiled layer against the textbook in float64: sizes that no tile divides, shared products, stripes, scratch."""

from __future__ import annotations

import math

import pytest
import torch

from engine.generator.backends.native.native_build import load
from engine.generator.backends.native.native_layers import Conv
from engine.generator.backends.prepare import padded
from engine.system import compiled
from tests.builders.layers import layer, textbook

pytestmark = pytest.mark.skipif(compiled.compiler() is None, reason="no C++ compiler on this machine")

GUARD = 4096  # numbers behind a buffer that nobody may write


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
