"""Pale parts that open to the floor are the subject's; what only looks like them is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from engine.borders.keying import Keying
from engine.stage.matte import flood as floods
from engine.stage.matte import key as keys
from engine.stage.matte import passage as passages
from engine.stage.matte.bits import pack
from engine.stage.matte.stage import Matte
from tests.builders.masks import SHAPES, blobs, same
from tests.builders.params import Params

CREAM = (1.0, 1.0, 0.925)
DIM = (0.9, 0.9, 0.82)  # as tinted, and dark: a shadow in the subject's light
GREEN, RED = (0.3, 0.6, 0.2), (0.9, 0.2, 0.2)
KEYING = Keying((1.0, 1.0, 1.0), shadow=0.5, margin=2 / 128, step=0.12, passage=8 / 128)


def slice_of_melon(rind: tuple[float, float, float], flesh: bool = True) -> tuple[Tensor, tuple[slice, slice]]:
    """Return a picture [3, 128, 128] of green, a rind of seven pixels and red, and where the rind is."""
    picture = torch.ones(3, 128, 128)
    at = slice(40, 100), slice(60, 67)
    for columns, colour in ((slice(30, 60), GREEN), (slice(60, 67), rind), (slice(67, 100), RED)):
        if flesh or colour is not RED:
            picture[:, 40:100, columns] = torch.tensor(colour)[:, None, None]
    return picture, at


def alpha(picture: Tensor, keying: Keying, compiled: bool) -> Tensor:
    """Return how opaque the subject is, 0..255."""
    rgba = torch.cat((picture, torch.ones_like(picture[:1])))
    frame = (rgba * 255.0 + 0.5).to(torch.uint8).permute(1, 2, 0).contiguous()
    params = Params({"picture.matte": 1.0, "picture.shadow": 0.0})
    return Matte(compiled=compiled)(frame, frame, keying, params)[..., 3]


@pytest.mark.parametrize("compiled", [False, True])
def test_a_rind_that_opens_to_the_floor_is_the_subjects(compiled):
    picture, (rows, columns) = slice_of_melon(CREAM)
    kept = alpha(picture, KEYING, compiled)[rows, columns]
    assert kept[1:-1].min() == 255  # its last row is the rim below
    lost = alpha(picture, replace(KEYING, passage=0.0), compiled)[rows, columns]
    assert (lost < 128).sum() > 60
    wide = alpha(picture, replace(KEYING, passage=4 / 128), compiled)[rows, columns]
    assert torch.equal(wide, lost)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(("rind", "flesh"), [(DIM, True), (CREAM, False)])
def test_a_shadow_between_and_a_tint_beside_one_colour_are_not(compiled, rind, flesh):
    picture, _ = slice_of_melon(rind, flesh)
    keying = replace(KEYING, step=0.0)
    assert torch.equal(alpha(picture, keying, compiled), alpha(picture, replace(keying, passage=0.0), compiled))


def test_the_twins_agree_on_a_melon(monkeypatch):
    picture, _ = slice_of_melon(CREAM)
    some = torch.Generator().manual_seed(3)
    picture = (picture - 0.03 * torch.rand(3, 128, 128, generator=some)).clamp(0, 1)
    assert torch.equal(alpha(picture, KEYING, True), alpha(picture, KEYING, False))
    here = keys.key(picture, KEYING.background, KEYING)
    monkeypatch.setattr(keys, "mask", lambda found: found)  # as a GPU floods
    there = keys.key(picture, KEYING.background, KEYING)
    assert torch.allclose(here.subject, there.subject, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_bits_shut_what_tensors_shut(shape):
    wall, pale, strong, tinted = (blobs(shape, seed, 0.5) for seed in range(4))
    for steps in (1, 4):
        assert same(floods.closed(strong, steps), floods.closed(pack(strong.numpy()), steps))
        bits = (pack(each.numpy()) for each in (wall, pale, strong, tinted))
        for one, other in zip(
            passages.shut(wall, pale, strong, tinted, steps), passages.shut(*bits, steps), strict=True
        ):
            assert same(one, other)


def test_a_passage_is_as_wide_as_the_picture_is_large():
    assert passages.reach_of(Keying(passage=0.032), 256) == 4
    assert passages.reach_of(Keying(passage=0.032), 1024) == 16
    assert passages.reach_of(Keying(), 256) == 0
