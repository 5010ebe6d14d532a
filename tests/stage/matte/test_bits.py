"""A bit a pixel: the processor's floods against those of tensors, which other devices have."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.borders.keying import Keying
from engine.stage.matte import flood as floods
from engine.stage.matte import key as keys
from engine.stage.matte.bits import pack
from tests.builders.masks import SHAPES, blobs, same


@pytest.mark.parametrize("shape", SHAPES)
def test_bits_do_what_tensors_do(shape):
    x, y = blobs(shape, 1), blobs(shape, 2, 0.7)
    a, b = pack(x.numpy()), pack(y.numpy())
    assert same(x, a)
    assert same(x & y, a & b)
    assert same(x | y, a | b)
    assert same(~x, ~a)
    assert same(floods.spread(x), floods.spread(a))
    assert same(floods.shrink(x), floods.shrink(a))
    assert same(floods.grown(x, y, 5), floods.grown(a, b, 5))
    assert same(keys._carried_on(x.clone(), 3), keys._carried_on(a, 3))
    assert same(floods.outer(x, 3), floods.outer(a, 3))
    for factor in (1, 2, 3, 4):
        coarse = floods.reduced(x, factor)
        assert same(coarse, a.reduced(factor))
        fine = floods.enlarged(coarse, factor, x.shape)
        assert same(fine, a.reduced(factor).enlarged(factor, *shape))


@pytest.mark.parametrize("shape", SHAPES[:4])
@pytest.mark.parametrize("seed", range(4))
def test_floods_agree(shape, seed):
    wall, pure = blobs(shape, seed, 0.4), blobs(shape, seed + 50, 0.1)
    bits = pack(wall.numpy()), pack(pure.numpy())
    assert same(floods.flood(wall, 3), floods.flood(bits[0], 3))
    assert same(floods.flood(wall, 3, pure), floods.flood(bits[0], 3, bits[1]))
    assert same(floods.joined(pure, ~wall), floods.joined(bits[1], ~bits[0]))
    assert same(floods.joined(torch.zeros_like(pure), ~wall), floods.joined(bits[1] & ~bits[1], ~bits[0]))
    assert same(floods.main_parts(~wall, pure & ~wall), floods.main_parts(~bits[0], bits[1] & ~bits[0]))
    none = torch.zeros_like(wall)
    assert same(floods.main_parts(~wall, none), floods.main_parts(~bits[0], bits[0] & ~bits[0]))
    assert same(floods.main_parts(none, none), floods.main_parts(bits[0] & ~bits[0], bits[0] & ~bits[0]))


def test_bits_flood_a_spiral_to_its_end():
    open_ = np.zeros((41, 41), bool)
    at, step, length = [0, 0], (0, 1), 41
    for turn in range(30):
        for _ in range(length):
            if 0 <= at[0] < 41 and 0 <= at[1] < 41:
                open_[at[0], at[1]] = True
            at = [at[0] + step[0], at[1] + step[1]]
        at = [at[0] - step[0] + step[1], at[1] - step[1] - step[0]]
        step = step[1], -step[0]
        length -= 2 if turn % 2 else 0
        if length <= 2:
            break
        at = [at[0], at[1]]
    source = np.zeros_like(open_)
    source[0, 0] = True
    found = pack(source).filled(pack(open_)).array().astype(bool)
    reached, before = source, None
    while before is None or (reached != before).any():
        before = reached.copy()
        near = before.copy()
        near[1:] |= before[:-1]
        near[:-1] |= before[1:]
        near[:, 1:] |= before[:, :-1]
        near[:, :-1] |= before[:, 1:]
        reached = near & open_
    assert (found == reached).all()


@pytest.mark.parametrize(("ground", "shadow"), [((1.0, 1.0, 1.0), 0.5), ((0.0, 0.8, 0.2), 0.3), ((0.0, 0.0, 0.0), 0.5)])
@pytest.mark.parametrize("shape", [(256, 256), (128, 200), (101, 77)])
def test_another_device_has_the_same_key(monkeypatch, ground, shadow, shape):
    height, width = shape
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    share = ((0.6 - torch.hypot(x, y)) * min(shape) / 2).clamp(0, 1)  # a rim of one pixel
    colour = torch.tensor([0.7, 0.2, 0.5])[:, None, None]
    floor = torch.tensor(ground)[:, None, None] * (1.0 - 0.3 * torch.exp(-4 * (x * x + (y - 0.6) ** 2)))
    picture = share * colour + (1 - share) * floor
    keying = Keying(ground, False, 0.1, shadow, 0.016, 0.0)
    here = keys.key(picture, ground, keying)
    monkeypatch.setattr(keys, "mask", lambda found: found)  # as a GPU floods, and mixes every pixel
    there = keys.key(picture, ground, keying)
    assert torch.allclose(here.alpha, there.alpha, atol=1e-5)
    assert torch.allclose(here.subject, there.subject, atol=1e-5)
    sides = (share > 0.02) & (share < 0.98)
    assert (here.subject - share)[sides].abs().mean() < 0.05
