"""One compiled layer against the textbook in float64: sizes that no tile divides, shared products, stripes, scratch."""

from __future__ import annotations

import math

import pytest
import torch

from engine.generator.backends.native.native_build import load
from engine.generator.backends.native.native_layers import WIDE, Conv, wider
from engine.generator.backends.prepare import padded
from engine.system import compiled
from tests.builders.layers import layer, textbook

pytestmark = pytest.mark.skipif(compiled.compiler() is None, reason="no C++ compiler on this machine")

GUARD = 4096  # numbers behind a buffer that nobody may write


@pytest.mark.parametrize("kind", ["up", "conv"])
@pytest.mark.parametrize("size", [(17, 20), (20, 19), (36, 32), (70, 18), (70, 41)])
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


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("aside", [0, 1])  # numbers; past the caches goes only what begins with a line of them
def test_a_picture_larger_than_the_caches_is_the_textbooks(threads: int, aside: int) -> None:
    plan = layer("conv", (512, 418), 16, 32)
    conv = Conv(plan, load(), threads, "fp32")
    assert conv.how == WIDE
    x, style, noise = torch.randn(512, 418, 16), torch.rand(16) + 0.5, torch.randn(plan.shape)
    count = math.prod(plan.shape) * 32
    out, work = torch.full((count + GUARD,), 7.0), torch.empty(conv.work_floats())
    conv(x, style, torch.ones(32), noise, 1.0, out[aside:], work)
    got = out[aside : aside + count].view(512, 418, 32)
    assert float((got - textbook(plan, x, style, noise)).abs().max()) < 1e-4
    assert (out[:aside] == 7).all()
    assert (out[aside + count :] == 7).all()


def test_the_widest_tiles_are_for_pictures_that_they_do_not_jut_out_of() -> None:
    assert [wider(size, size) for size in (16, 32, 48, 64, 128, 1024)] == [False, False, True, True, True, True]
    assert not wider(12, 12)  # as few pixels as that are not worth more weights
    assert not wider(8, 288)
